//! How far long work has come, on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Console;

/// A bar, or a count where nobody knows the end; nothing where nobody sees it.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Of so many bytes.
    pub(crate) fn of_bytes(console: &Console, total: Option<u64>) -> Self {
        let form = match total {
            Some(_) => "{bar:32} {percent:>3}% of {total_bytes}, {eta} left",
            None => "{spinner} {bytes} read",
        };
        Self::new(console, total, form)
    }

    /// Of events, of which nobody knows how many there are.
    pub(crate) fn of_events(console: &Console) -> Self {
        Self::new(console, None, "{spinner} {human_pos} events, {per_sec}")
    }

    /// Of records and events that are copied.
    pub(crate) fn of_copied(console: &Console) -> Self {
        Self::new(console, None, "{spinner} {human_pos} copied, {per_sec}")
    }

    fn new(console: &Console, total: Option<u64>, form: &str) -> Self {
        if !console.shows_progress() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("━━ "));
        }
        Self(Some(bar))
    }

    pub(crate) fn is_at(&self, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
        }
    }

    pub(crate) fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
