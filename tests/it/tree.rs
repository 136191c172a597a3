//! The rules that only a look at the whole tree can hold: what each file says first, how long it is, who may know whom.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every Rust file of the project, as a path below its root and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "tools", "actors"] {
        collect(&Path::new(ROOT).join(folder), &mut found);
    }
    assert!(found.len() > 100, "the tree was found");
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(ROOT).expect("below the root").display().to_string();
            found.push((name, read(&path)));
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn at(path: &str) -> PathBuf {
    Path::new(ROOT).join(path)
}

/// The text without its comments, so that prose may name what code may not.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_file_says_what_it_is_and_stays_small() {
    for (name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} does not open with //!");
        let lines = text.lines().count();
        assert!(lines <= 400, "{name} has {lines} lines; at most 400");
    }
}

/// The crates that a manifest names, in any of its tables of dependencies.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read(&at(manifest)).parse().expect("TOML");
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn the_crates_know_only_what_they_may() {
    let refuse = |manifest: &str, may_not: &dyn Fn(&str) -> bool| {
        let bad: Vec<_> = dependencies(manifest).into_iter().filter(|name| may_not(name)).collect();
        assert!(bad.is_empty(), "{manifest} must not name {bad:?}");
    };
    let outside = |name: &str| {
        ["actix-web", "rmcp", "azure", "reqwest", "hyper", "heavylift"].iter().any(|start| name.starts_with(start))
    };
    refuse("tools/Cargo.toml", &|name| outside(name) || ["actors", "actix", "tokio"].contains(&name));
    refuse("actors/Cargo.toml", &outside);
}

/// Where the code names `what`, files below one of `allowed` aside.
fn strays(what: &[&str], allowed: &[&str]) -> Vec<String> {
    let named = |text: &str| what.iter().any(|what| text.contains(what));
    let inside = |name: &str| allowed.iter().any(|allowed| name.starts_with(allowed));
    let found = sources().into_iter().filter(|(name, text)| !inside(name) && named(&code(text)));
    found.map(|(name, _)| name).collect()
}

#[test]
fn each_outside_thing_has_one_door() {
    let none = Vec::<String>::new();
    let here = "tests/it/tree.rs";
    // The client speaks MCP too; the error table has the codes; the arguments are the client's JSON objects.
    // The conformance suite's server brings tools, prompts and resources of its own.
    // The default log filter names a part of it.
    let client = ["src/cli/client/", "src/cli/arguments.rs", "src/cli/demo.rs", "src/config/serve"];
    let mcp = [&["src/mcp/", "src/error", "benches/", "tests/"], &client[..]].concat();
    assert_eq!(strays(&["rmcp::", "rmcp_actix_web"], &mcp), none, "rmcp belongs to src/mcp");
    let environment = ["src/config/", here];
    assert_eq!(
        strays(&["env::var", "env::set_var", "env::vars"], &environment),
        none,
        "the environment is read in src/config"
    );
    let sdk = ["azure_core", "azure_identity", "azure_storage"];
    let azure = ["src/azure/", "src/store/azure", "src/queue/azure", here];
    assert_eq!(strays(&sdk, &azure), none, "the Azure SDK belongs to src/azure, src/store/azure and src/queue/azure");
    // And a lane has a pool of its own.
    let compute = ["tools/", "actors/src/compute", "src/lane/child.rs", here];
    assert_eq!(strays(&["rayon::"], &compute), none, "CPU work has one door: compute");
    let kernel = ["landlock::", "seccompiler::", "libc::"];
    assert_eq!(strays(&kernel, &["src/lane/sandbox/", here]), none, "what a lane may do is said in src/lane/sandbox");
}

#[test]
fn tests_do_not_sleep() {
    let here = "tests/it/tree.rs";
    let suite = sources().into_iter().filter(|(name, _)| name.starts_with("tests/") && name != here);
    for (name, text) in suite {
        for word in ["sleep(", "Instant::now", "SystemTime::now"] {
            assert!(!code(&text).contains(word), "{name}: {word} makes a test wait for the clock");
        }
    }
}

#[test]
fn the_readme_names_the_two_commands() {
    // Its place is the root; a tree without it yet has nothing to check.
    let Ok(readme) = std::fs::read_to_string(at("README.md")) else { return };
    for command in ["cargo run --release -- demo", "bash tests/run.sh"] {
        assert!(readme.contains(command), "the README does not name {command:?}");
    }
    let console = readme.split("```console").skip(1).filter_map(|rest| rest.split("```").next());
    for line in console.flat_map(str::lines).filter_map(|line| line.trim().strip_prefix("$ ")) {
        let known = [
            "cargo ",
            "bash ",
            "heavylift ",
            "git ",
            "cd ",
            "curl ",
            "claude ",
            "npx ",
            "printf ",
            "./target/release/heavylift ",
        ];
        assert!(known.iter().any(|start| line.starts_with(start)), "the README's {line:?} is no known command");
    }
    assert!(at("tests/run.sh").exists());
}

/// The licences of a list in `deny.toml`.
fn listed(list: &toml::Value) -> BTreeSet<String> {
    list.as_array().expect("a list").iter().map(|licence| licence.as_str().expect("a name").to_owned()).collect()
}

/// The licences that `deny.toml` allows to all crates, or only to the crate called `name`.
fn allowed(deny: &toml::Table, name: &str) -> BTreeSet<String> {
    let licences = &deny["licenses"];
    let mut allowed = listed(&licences["allow"]);
    let exceptions = licences.get("exceptions").and_then(toml::Value::as_array).into_iter().flatten();
    for exception in exceptions.filter(|exception| exception["crate"].as_str() == Some(name)) {
        allowed.extend(listed(&exception["allow"]));
    }
    allowed
}

/// Whether a licence expression can be met with allowed licences alone. `/` is an old spelling of OR.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut words = expression.replace('(', " ( ").replace(')', " ) ");
    words.push(' ');
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut rest = words.as_slice();
    let met = any(&mut rest, allowed);
    assert!(rest.is_empty(), "{expression} is no licence expression");
    met
}

fn any(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = all(rest, allowed);
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        met |= all(rest, allowed);
    }
    met
}

fn all(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let mut met = one(rest, allowed);
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        met &= one(rest, allowed);
    }
    met
}

fn one(rest: &mut &[&str], allowed: &BTreeSet<String>) -> bool {
    let (first, after) = rest.split_first().expect("a licence");
    *rest = after;
    if *first == "(" {
        let met = any(rest, allowed);
        *rest = &rest[1..];
        return met;
    }
    if rest.first() == Some(&"WITH") {
        let whole = format!("{first} WITH {}", rest[1]);
        *rest = &rest[2..];
        return allowed.contains(&whole) || allowed.contains(*first);
    }
    allowed.contains(*first)
}

#[test]
fn every_licence_is_allowed() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(ROOT)
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let deny: toml::Table = read(&at("deny.toml")).parse().expect("TOML");
    let is_fine = |package: &&Value| {
        let allowed = allowed(&deny, package["name"].as_str().expect("a name"));
        package["license"].as_str().is_some_and(|licence| is_met(licence, &allowed))
    };
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !is_fine(package))
        .map(|package| format!("{} ({})", package["name"], package["license"]))
        .collect();
    assert!(packages.len() > 100 && refused.is_empty(), "not allowed by deny.toml: {refused:#?}");
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    let allowed = ["MIT", "IJG", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for met in
        ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND IJG", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR X) AND (Y OR Z)", "Apache-2.0"] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}
