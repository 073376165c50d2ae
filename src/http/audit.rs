//! `/api/v1/audit`

use super::app::AppState;
use super::inputs::{Parameters, page_length};
use super::problem;
use crate::audit::{AuditQuery, LONGEST_PAGE};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tracing::warn;

/// Entries of one page unless asked otherwise.
const PAGE: u32 = 100;

#[derive(Debug, Deserialize)]
pub(super) struct AuditParameters {
    from: Option<String>,
    to: Option<String>,
    who: Option<String>,
    what: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

/// Unix seconds of a time, or of the beginning of a day (UTC).
fn time(name: &str, text: Option<&String>) -> Result<Option<i64>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let day = || {
        let day: NaiveDate = text.parse().ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp())
    };
    let exact = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp());
    match exact.ok().or_else(day) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(format!(
            "{name}: a time as 2026-11-30T12:00:00Z or a day as 2026-11-30 is expected"
        )),
    }
}

fn query(given: AuditParameters) -> Result<AuditQuery, String> {
    let limit = page_length(given.limit, PAGE, LONGEST_PAGE)?;
    let hex = |id: &String| id.len() == 20 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if given.before.as_ref().is_some_and(|before| !hex(before)) {
        return Err("before: the id of the last entry of the page before is expected".to_owned());
    }
    Ok(AuditQuery {
        from: time("from", given.from.as_ref())?,
        to: time("to", given.to.as_ref())?,
        who: given.who,
        what: given.what,
        before: given.before,
        limit,
    })
}

pub(super) async fn list(
    State(app): State<Arc<AppState>>,
    Parameters(given): Parameters<AuditParameters>,
) -> Response {
    let query = match query(given) {
        Ok(query) => query,
        Err(fault) => return problem::bad_request(&fault),
    };
    match app.api.log.list(&query).await {
        Ok(entries) => Json(json!({ "entries": entries })).into_response(),
        Err(error) => {
            warn!(%error, "the audit log cannot be read");
            problem::unavailable("the store cannot be read at the moment; see the log")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339_or_days() {
        let at = |text: &str| time("from", Some(&text.to_owned()));
        assert_eq!(at("1970-01-02"), Ok(Some(86_400)));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Ok(Some(0)));
        assert!(at("yesterday").unwrap_err().starts_with("from: "));
    }
}
