//! What people see: standard output for results, standard error for everything on the way there.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client::{Answer, ArtifactView, Envelope, ProgressView};
use crate::config::show_bytes;

/// Writes a line to standard output. Whoever closed it wants no more.
pub fn out(text: impl std::fmt::Display) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes a line to standard error.
pub fn note(text: impl std::fmt::Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// A table with `header`.
pub fn table<T: Into<Cell>>(header: impl IntoIterator<Item = T>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.into_iter().map(Into::into).collect::<Vec<Cell>>());
    table
}

/// Text from outside, harmless on a terminal: an escape sequence in a cell must not move the cursor or worse.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// A bar over `bytes` bytes.
pub fn byte_bar(name: &str, bytes: Option<u64>) -> ProgressBar {
    let bar = bytes.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    bar.set_style(ProgressStyle::with_template(style).expect("a fixed template"));
    bar.set_message(plain(name));
    bar
}

/// Shows how far a job is: a bar on a terminal, now and then a line elsewhere.
pub struct JobBar {
    bar: ProgressBar,
    lines: bool,
    told: Option<u64>,
}

/// Steps of a job's bar: progress is a number of any size.
const STEPS: u64 = 1000;

impl JobBar {
    /// A bar for the tool `name`.
    pub fn new(name: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(spinner());
        bar.set_prefix(plain(name));
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self { bar, lines: !io::stderr().is_terminal(), told: None }
    }

    /// Shows `progress`.
    pub fn show(&mut self, progress: &ProgressView) {
        let message = plain(&progress.message);
        let share = progress.total.filter(|total| *total > 0.0).map(|total| (progress.done / total).clamp(0.0, 1.0));
        if let Some(share) = share {
            if self.bar.length().is_none() {
                self.bar.set_length(STEPS);
                self.bar.set_style(
                    ProgressStyle::with_template("{prefix} {bar:40} {percent:>3}% {elapsed} {msg}").expect("fixed"),
                );
            }
            self.bar.set_position(to_steps(share));
        }
        self.bar.set_message(message.clone());
        let tenth = share.map(|share| to_steps(share) / 100);
        if self.lines && tenth.is_some() && tenth != self.told {
            self.told = tenth;
            note(format!("{:>3}% {message}", to_steps(share.unwrap_or_default()) / 10));
        }
    }

    /// Says something beside the bar.
    pub fn say(&self, text: &str) {
        if self.lines { note(text) } else { self.bar.println(text) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share lies between 0 and 1")]
fn to_steps(share: f64) -> u64 {
    (share * STEPS as f64) as u64
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} {elapsed} {msg}").expect("a fixed template")
}

/// A tool's answer: summary, preview, artifacts, what to do next.
pub fn show_answer(answer: &Answer) {
    let envelope = &answer.envelope;
    if envelope.status.is_none() && envelope.summary.is_none() {
        out(plain(&answer.text));
        return;
    }
    show_envelope(envelope);
}

/// A job: how it stands, what came out of it.
pub fn show_envelope(envelope: &Envelope) {
    out(headline(envelope));
    if let Some(summary) = &envelope.summary {
        out(plain(summary));
    }
    if let Some(error) = &envelope.error {
        out(format!("{} ({}): {}", plain(&error.kind), plain(&error.cause), plain(&error.message)));
    }
    if !envelope.columns.is_empty() {
        show_preview(envelope);
    }
    show_artifacts(&envelope.artifacts);
    for line in &envelope.guidance {
        out(format!("→ {}", plain(line)));
    }
}

fn headline(envelope: &Envelope) -> String {
    let mut parts = vec![envelope.status.clone().unwrap_or_else(|| "done".to_owned())];
    parts.extend(envelope.job_id.as_ref().map(|id| format!("job {id}")));
    parts.extend(envelope.elapsed_ms.map(|ms| format!("{:.2} s", ms as f64 / 1000.0)));
    if envelope.reused {
        parts.push("the kept result of an earlier call".to_owned());
    }
    if let Some(progress) = envelope.progress.as_ref().filter(|_| envelope.is_pending()) {
        parts.push(progress.message.clone());
    }
    plain(&parts.join(" · "))
}

fn show_preview(envelope: &Envelope) {
    let header = envelope.columns.iter().map(|column| format!("{}\n{}", plain(&column.name), plain(&column.dtype)));
    let mut preview = table(header);
    for row in &envelope.rows {
        preview.add_row(row.iter().map(cell).collect::<Vec<_>>());
    }
    out(preview);
    let shown = envelope.rows.len() as u64;
    if let Some(rows) = envelope.row_count.filter(|rows| *rows > shown) {
        out(format!("{shown} of {rows} rows"));
    }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::new(""),
        Value::Number(number) => Cell::new(number).set_alignment(CellAlignment::Right),
        Value::String(text) => Cell::new(plain(text)),
        other => Cell::new(plain(&other.to_string())),
    }
}

/// How many artifacts are shown one by one.
const MOST_ARTIFACTS: usize = 8;

fn show_artifacts(artifacts: &[ArtifactView]) {
    if artifacts.is_empty() {
        return;
    }
    let mut files = table(["artifact", "size", "type"]);
    for artifact in artifacts.iter().take(MOST_ARTIFACTS) {
        let size = Cell::new(show_bytes(artifact.bytes)).set_alignment(CellAlignment::Right);
        files.add_row([Cell::new(plain(&artifact.path)), size, Cell::new(plain(&artifact.mime))]);
    }
    out(files);
    if artifacts.len() > MOST_ARTIFACTS {
        let folder = artifacts[0].path.split('/').take(2).collect::<Vec<_>>().join("/");
        out(format!("{MOST_ARTIFACTS} of {} artifacts, all below {}", artifacts.len(), plain(&folder)));
    }
}

#[test]
fn nothing_from_outside_drives_the_terminal() {
    assert_eq!(plain("a\u{1b}[2Jb\nc\r"), "a\u{fffd}[2Jb\nc\u{fffd}");
}
