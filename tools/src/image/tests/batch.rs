//! Many pictures: names, progress, cancellation, a full disk.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{process, run};
use crate::image::testing::Workspace;
use crate::{Cancel, Context, Folders, Limits, Progress, ProgressSink, ToolErrorKind};

const HALVE: &str = r#"{"operations": [{"op": "resize", "width": 8}]}"#;

fn halve() -> serde_json::Value {
    serde_json::from_str(HALVE).expect("JSON")
}

fn many(count: usize) -> Workspace {
    (0..count).fold(Workspace::new(), |workspace, number| workspace.with_png(&format!("{number:03}.png"), 16, 16))
}

fn listening(workspace: &Workspace, progress: ProgressSink, cancel: Cancel) -> Context {
    let folders = Folders { output: workspace.folder().join("output"), scratch: workspace.folder().join("scratch") };
    fs::create_dir_all(&folders.output).expect("folder");
    Context::new(workspace.inputs().to_vec(), folders, Limits::default(), progress, cancel)
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

#[test]
fn every_picture_is_made_whatever_the_number_of_workers() {
    for threads in [1, 2, 5] {
        let workspace = many(24);
        let outcome = in_pool(threads, || process(&workspace, halve()));
        assert_eq!(outcome.report.summary, "24 pictures processed");
        assert_eq!((outcome.artifacts.len(), outcome.report.row_count), (24, Some(24)));
        let files: Vec<_> = outcome.report.rows.iter().map(|row| row[0].as_str().expect("a name").to_owned()).collect();
        assert!(files.is_sorted(), "rows are in the order of the inputs: {files:?}");
        assert_eq!(workspace.made("023.png").width(), 8);
    }
}

#[test]
fn the_preview_is_short_and_the_count_whole() {
    let outcome = process(&many(60), halve());
    assert_eq!((outcome.report.rows.len(), outcome.report.row_count, outcome.report.truncated), (50, Some(60), true));
    assert_eq!(outcome.artifacts.len(), 60);
}

#[test]
fn progress_counts_every_picture_and_never_goes_back() {
    let workspace = many(19).with("text.png", b"words");
    let told = Arc::new(Mutex::new(Vec::<Progress>::new()));
    let sink: ProgressSink = {
        let told = Arc::clone(&told);
        Arc::new(move |progress| told.lock().expect("lock").push(progress))
    };
    let mut ctx = listening(&workspace, sink, Cancel::default());
    in_pool(4, || run(&mut ctx, halve())).expect("the tool succeeds");
    let told = told.lock().expect("lock");
    let done: Vec<f64> = told.iter().map(|progress| progress.done).collect();
    assert!(done.is_sorted(), "{done:?}");
    assert_eq!(done.len(), 20, "once at the start and once for each of the 19 that are worked on");
    assert_eq!(told.last().expect("progress"), &Progress::of(20.0, 20.0, "20 of 20 pictures"));
}

#[test]
fn a_cancelled_batch_ends_with_the_picture_in_hand() {
    let workspace = many(30);
    let cancel = Cancel::default();
    let sink: ProgressSink = {
        let cancel = cancel.clone();
        Arc::new(move |progress: Progress| {
            if progress.done >= 5.0 {
                cancel.cancel();
            }
        })
    };
    let mut ctx = listening(&workspace, sink, cancel);
    let error = in_pool(1, || run(&mut ctx, halve())).expect_err("cancelled");
    assert_eq!(error.kind, ToolErrorKind::Cancelled);
    assert_eq!(fs::read_dir(workspace.folder().join("output")).expect("folder").count(), 5);
}

#[test]
fn a_batch_cancelled_before_it_begins_makes_nothing() {
    let workspace = many(3);
    let cancel = Cancel::default();
    cancel.cancel();
    let error = run(&mut listening(&workspace, Arc::new(|_| {}), cancel), halve()).expect_err("cancelled");
    assert_eq!(error.kind, ToolErrorKind::Cancelled);
    assert_eq!(fs::read_dir(workspace.folder().join("output")).expect("folder").count(), 0);
}

#[test]
fn pictures_that_would_share_a_name_get_two() {
    let gif = crate::image::testing::file(&image::DynamicImage::new_rgb8(9, 9), image::ImageFormat::Gif);
    let workspace = Workspace::new().with_png("in/a.png", 16, 16).with("in/a.gif", &gif).with_png("a.png", 4, 4);
    let outcome = process(&workspace, json!({"format": "jpeg"}));
    let names: Vec<&str> = outcome.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["in/a.jpg", "in/a-2.jpg", "a.jpg"]);
    assert_eq!(workspace.made("in/a-2.jpg").width(), 9);
    assert_eq!(outcome.report.rows[1][5], json!("in/a-2.jpg"));
}

#[test]
fn a_picture_matched_twice_is_made_once() {
    let workspace = many(1);
    let twice = [workspace.inputs(), workspace.inputs()].concat();
    let mut ctx = Context::detached(twice, workspace.folder()).expect("context");
    assert_eq!(run(&mut ctx, halve()).expect("the tool succeeds").artifacts.len(), 1);
}

#[test]
fn too_many_pictures_or_none_are_refused() {
    let mut ctx = many(3).context();
    ctx.set_limits(Limits { max_files: 2, ..Limits::default() });
    assert_eq!(run(&mut ctx, halve()).expect_err("too many").kind, ToolErrorKind::TooLarge);
    let error = run(&mut Workspace::new().context(), halve()).expect_err("none");
    assert_eq!(error.kind, ToolErrorKind::NotFound);
}

#[test]
fn results_over_the_limit_end_the_job() {
    let workspace = many(10);
    let mut ctx = workspace.context();
    ctx.set_limits(Limits { max_output_bytes: 300, ..Limits::default() });
    let error = in_pool(1, || run(&mut ctx, halve())).expect_err("too much");
    assert_eq!(error.kind, ToolErrorKind::TooLarge);
    let written: u64 = fs::read_dir(workspace.folder().join("output"))
        .expect("folder")
        .map(|entry| entry.expect("entry").metadata().expect("metadata").len())
        .sum();
    assert!(written > 0 && written <= 300, "{written}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_job() {
    let workspace = many(3);
    let mut ctx = workspace.context();
    std::os::unix::fs::symlink("/dev/full", workspace.folder().join("output/001.png")).expect("link");
    let error = run(&mut ctx, halve()).expect_err("no room");
    assert_eq!(error.kind, ToolErrorKind::NoSpace);
}
