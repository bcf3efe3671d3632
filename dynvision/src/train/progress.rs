//! A bar that shows how far an epoch is.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `batches` on the standard error; it stays hidden where that is no terminal.
pub(super) fn bar(show: bool, epoch: usize, epochs: usize, batches: usize) -> ProgressBar {
    let target = if show { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(batches as u64), target);
    let template = "{prefix} [{bar:30}] {pos}/{len} {msg} {elapsed}<{eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(format!("epoch {epoch}/{epochs}"));
    bar
}
