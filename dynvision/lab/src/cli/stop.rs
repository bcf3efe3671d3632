//! Stopping by a signal.

use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the first signal sets; the second ends the process. Where handlers cannot be put up, the first ends it.
pub(super) fn on_signal() -> Arc<AtomicBool> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let _ = signal_hook::flag::register_conditional_default(signal, asked.clone())
            .and_then(|_| signal_hook::flag::register(signal, asked.clone()));
    }
    asked
}
