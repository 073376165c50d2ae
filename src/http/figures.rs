//! The page of figures as it was made last, and who may see it.

use crate::config::Metrics as Settings;
use axum::http::{HeaderMap, header};
use omnigate_room::Secret;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The page as it was made last, and whose it is.
pub struct Figures {
    token: Option<Secret>,
    /// Whether `http.listen` has it, too.
    on_main: bool,
    /// Whoever asks while it is made waits for the same one.
    made: Mutex<Option<(Instant, Arc<str>)>>,
}

impl Figures {
    /// As the settings say.
    #[must_use]
    pub fn new(settings: &Settings) -> Figures {
        Figures {
            token: settings.token.clone(),
            on_main: settings.listen.is_none(),
            made: Mutex::default(),
        }
    }

    pub(super) fn is_on_main(&self) -> bool {
        self.on_main
    }

    /// The page that is no older than `holds`; made now, where there is none.
    pub(super) async fn within(&self, holds: Duration, make: impl Future<Output = String>) -> Arc<str> {
        let mut made = self.made.lock().await;
        if let Some((_, text)) = made.as_ref().filter(|(at, _)| at.elapsed() < holds) {
            return text.clone();
        }
        let text: Arc<str> = make.await.into();
        *made = Some((Instant::now(), text.clone()));
        text
    }

    /// Whether these headers bring what it is closed with, if it is.
    pub(super) fn opens(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let given = headers.get(header::AUTHORIZATION);
        given
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .is_some_and(|given| token.matches(given))
    }
}
