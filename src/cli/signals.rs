//! Ctrl-C: the first asks for an orderly end, the second leaves at once.

use tokio_util::sync::CancellationToken;

use super::ui;

/// Fires at the first Ctrl-C. A second one ends the process with 1.
pub(super) fn stop_on_ctrl_c() -> CancellationToken {
    let stop = CancellationToken::new();
    let fired = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        fired.cancel();
        ui::note("cancelling the job; Ctrl-C again leaves at once");
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(1);
        }
    });
    stop
}
