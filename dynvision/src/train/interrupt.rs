//! Ending a training by a signal.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The signals that end a training: of the keyboard, of the system, of a terminal that is closed.
#[cfg(unix)]
const SIGNALS: &[i32] = &[signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: &[i32] = &[signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

/// What the handlers of the process share. They are put up once, at the first training that keeps checkpoints.
struct Handlers {
    /// A signal came while a training was running.
    asked: Arc<AtomicBool>,
    /// The next signal does what it would do without handlers: no training is running, or one was asked to end already.
    at_once: Arc<AtomicBool>,
    /// Trainings that are running.
    running: AtomicUsize,
}

static HANDLERS: OnceLock<Option<Handlers>> = OnceLock::new();

/// While this lives, a first signal asks the training to end, and a second one ends the process.
#[derive(Debug)]
pub(super) struct Guard(());

impl Guard {
    /// Where handlers cannot be put up, signals do what they do without.
    pub(super) fn new() -> Self {
        if let Some(handlers) = handlers()
            && handlers.running.fetch_add(1, Ordering::SeqCst) == 0
        {
            handlers.asked.store(false, Ordering::SeqCst);
            handlers.at_once.store(false, Ordering::SeqCst);
        }
        Guard(())
    }

    /// Whether a signal has come.
    pub(super) fn asked(&self) -> bool {
        handlers().is_some_and(|handlers| handlers.asked.load(Ordering::SeqCst))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(handlers) = handlers()
            && handlers.running.fetch_sub(1, Ordering::SeqCst) == 1
        {
            handlers.at_once.store(true, Ordering::SeqCst);
        }
    }
}

fn handlers() -> Option<&'static Handlers> {
    HANDLERS.get_or_init(|| put_up().ok()).as_ref()
}

fn put_up() -> std::io::Result<Handlers> {
    let (asked, at_once) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
    for &signal in SIGNALS {
        // in this order: what the second signal finds, the first has set
        signal_hook::flag::register_conditional_default(signal, at_once.clone())?;
        signal_hook::flag::register(signal, asked.clone())?;
        signal_hook::flag::register(signal, at_once.clone())?;
    }
    Ok(Handlers { asked, at_once, running: AtomicUsize::new(0) })
}
