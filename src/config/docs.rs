//! `docs/configuration.md`, made from the settings' own declarations.

use std::fmt::Write as _;

use clap::{Arg, CommandFactory as _};

use super::ClientArgs;
use super::serve::SettingsCommand;

const HEAD: &str = "# Settings

Made by `heavylift config docs` from the declarations in `src/config/`; a test keeps it true. A flag beats its variable, a
variable beats the default. Every fault is reported at once, before anything starts.
";

/// The client options as a command of their own.
#[derive(clap::Parser)]
struct ClientCommand {
    #[command(flatten)]
    _args: ClientArgs,
}

/// The whole page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "The server: `heavylift serve`", &SettingsCommand::command());
    section(&mut page, "The client commands: `call`, `put`, `get`, `ls`, `jobs`, `doctor`", &ClientCommand::command());
    page
}

/// Flag, variable and field of every server setting.
pub fn names() -> Vec<(String, String, String)> {
    let command = SettingsCommand::command();
    let settings = command.get_arguments().filter_map(|arg| Some((arg, arg.get_env()?)));
    let name = |(arg, variable): (&Arg, &std::ffi::OsStr)| {
        let flag = arg.get_long().expect("every setting has a long flag");
        (format!("--{flag}"), variable.to_string_lossy().into_owned(), arg.get_id().to_string())
    };
    settings.map(name).collect()
}

fn section(page: &mut String, title: &str, command: &clap::Command) {
    let head = format!("\n## {title}\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n");
    page.push_str(&head);
    for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
        writeln!(page, "{}", row(arg)).expect("writing to a string cannot fail");
    }
}

fn row(arg: &Arg) -> String {
    let flag = arg.get_long().expect("every setting has a long flag");
    let variable = arg.get_env().map(|name| name.to_string_lossy()).unwrap_or_default();
    let names: Vec<_> = arg.get_value_names().unwrap_or_default().iter().map(clap::builder::Str::as_str).collect();
    let defaults: Vec<_> =
        arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let meaning = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    format!("| `--{flag} {}` | `{variable}` | {} | {meaning} |", names.join(" "), defaults.join(" "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_page_is_the_generated_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let committed = std::fs::read_to_string(path).expect("docs/configuration.md");
        assert!(committed == super::markdown(), "run: heavylift config docs > docs/configuration.md");
    }

    #[test]
    fn every_setting_has_a_variable_of_its_own_name_and_a_meaning() {
        use clap::CommandFactory as _;
        for arg in super::SettingsCommand::command().get_arguments().filter(|arg| arg.get_id() != "help") {
            let long = arg.get_long().expect("a long flag");
            let variable = format!("HEAVYLIFT_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
            assert!(arg.get_help().is_some(), "{long}");
        }
    }
}
