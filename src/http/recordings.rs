//! `/api/v1/recordings`: list, look at, fetch, pause, delete.

use super::app::AppState;
use super::guard::{is_authorised, unauthorised};
use super::inputs::{Parameters, Path, page_length};
use super::problem::{self, problem};
use super::requester::Requester;
use crate::recording::{Crowded, Deleted, Download, Entry, Query as Wanted, ReadSeek, State as Stage};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{ContentRange, HeaderMapExt, Range};
use omnigate_recording::manifest::FileEntry;
use omnigate_room::RecordingId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::SeekFrom;
use std::ops::Bound;
use std::sync::Arc;
use tracing::warn;

/// Recordings in one page unless asked otherwise, and at most.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 500;
/// Bytes read from a file at once.
const CHUNK: usize = 64 * 1024;

#[derive(Deserialize)]
pub(super) struct ListQuery {
    service_id: Option<String>,
    room_id: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

fn missing() -> Response {
    problem::not_found("no such recording")
}

fn broken(error: &dyn std::fmt::Display) -> Response {
    warn!(%error, "recordings cannot be served");
    problem::unavailable("the recording cannot be read at the moment; see the log")
}

/// What is said about recordings is for whoever asked alone, and nothing of it is to be taken for something else.
fn private(mut answer: Response) -> Response {
    let head = answer.headers_mut();
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

/// The recordings that run, and whether each is paused; without the rooms none runs.
async fn running(app: &AppState) -> HashMap<RecordingId, bool> {
    app.rooms.recordings().await.unwrap_or_default()
}

fn file_shown(file: &FileEntry) -> Value {
    let mut shown = json!({
        "name": file.name, "content": file.content, "format": file.format,
        "sample_rate": file.sample_rate, "channels": file.channels, "duration": file.duration,
        "size": file.size, "sha256": file.sha256, "encrypted": file.encrypted,
    });
    if file.offset > 0.0 {
        shown["offset"] = file.offset.into();
    }
    if let Some(member) = file.member {
        shown["participant"] = member.to_string().into();
    }
    shown
}

/// An entry as the API shows it; `whole` with waveform and timeline.
fn shown(running: &HashMap<RecordingId, bool>, entry: &Entry, whole: bool) -> Value {
    let m = &entry.manifest;
    let paused = running.get(&m.recording_id).copied();
    let state = match (entry.state, paused) {
        (Stage::Finished, _) => "finished",
        (Stage::Failed, _) => "failed",
        (_, Some(true)) => "paused",
        (_, Some(false)) => "recording",
        (_, None) => "finishing",
    };
    let files: Vec<Value> = m.files.iter().map(file_shown).collect();
    let participants: Vec<Value> = m
        .members
        .iter()
        .map(|(id, name)| {
            json!({
                "participant": id.to_string(), "session": name.session, "user_id": name.user_id,
                "user_name": name.user_name, "call_type": name.call_type,
                "telephone": name.telephone,
            })
        })
        .collect();
    let mut shown = json!({
        "recording_id": m.recording_id, "state": state, "service_id": m.service_id,
        "room_id": m.room_id, "room_type": m.room_type, "call_type": m.call_type,
        "session": m.session, "user_id": m.user_id, "user_name": m.user_name, "by_policy": m.by_policy,
        "started_at": m.started_at, "participants": participants, "files": files,
        "uploaded": entry.uploaded,
    });
    if let (Some(caller), Some(callee)) = (&m.caller, &m.callee) {
        shown["caller"] = caller.as_str().into();
        shown["callee"] = callee.as_str().into();
    }
    if let Some(call) = m.call_id {
        shown["call_id"] = call.to_string().into();
    }
    if let Some(end) = &m.end {
        shown["ended_at"] = end.ended_at.into();
        shown["end_reason"] = end.reason.as_str().into();
    }
    if let Some(failure) = m.failure.as_ref().filter(|_| entry.state == Stage::Failed) {
        shown["failure"] = json!({ "reason": failure.reason, "tries": failure.tries, "at": failure.at });
    }
    if let Some(file) = m.files.first() {
        shown["duration"] = file.duration.into();
    }
    if whole {
        shown["peaks"] = json!(m.peaks);
        shown["timeline"] = json!(m.timeline);
    }
    shown
}

pub(super) async fn list(
    State(app): State<Arc<AppState>>,
    Parameters(query): Parameters<ListQuery>,
) -> Response {
    let before = match query.before.as_deref().map(RecordingId::parse) {
        Some(None) => {
            return problem::bad_request(
                "before: the recording_id of the last recording of the page before is expected",
            );
        }
        other => other.flatten(),
    };
    let limit = match page_length(query.limit, PAGE, LONGEST_PAGE) {
        Ok(limit) => limit,
        Err(fault) => return problem::bad_request(&fault),
    };
    let wanted = Wanted {
        service_id: query.service_id,
        room_id: query.room_id,
        before,
        limit,
    };
    match app.recorder.index().list(&wanted).await {
        Ok(entries) => {
            let running = running(&app).await;
            let all: Vec<Value> = entries
                .iter()
                .map(|entry| shown(&running, entry, false))
                .collect();
            private(Json(json!({ "recordings": all })).into_response())
        }
        Err(error) => broken(&error),
    }
}

/// The entry of an id in a path, or the answer why there is none.
async fn entry(app: &AppState, id: &str) -> Result<(RecordingId, Entry), Response> {
    let recording = RecordingId::parse(id).ok_or_else(missing)?;
    match app.recorder.index().get(recording).await {
        Ok(Some(entry)) => Ok((recording, entry)),
        Ok(None) => Err(missing()),
        Err(error) => Err(broken(&error)),
    }
}

pub(super) async fn show(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    match entry(&app, &id).await {
        Ok((_, entry)) => private(Json(shown(&running(&app).await, &entry, true)).into_response()),
        Err(answer) => answer,
    }
}

pub(super) async fn delete(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    let (recording, entry) = match entry(&app, &id).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    if !matches!(entry.state, Stage::Finished | Stage::Failed) {
        return problem::conflict("the recording is not finished: wait until its state is `finished`");
    }
    match app.recorder.keeper().delete(recording).await {
        Ok(Deleted::Here) => StatusCode::ACCEPTED.into_response(),
        // Another request was faster, if there is nothing any more.
        Ok(Deleted::Everywhere | Deleted::Nothing) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => broken(&error),
    }
}

pub(super) async fn retry(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    let recording = match entry(&app, &id).await {
        Ok((recording, _)) => recording,
        Err(answer) => return answer,
    };
    match app.recorder.keeper().retry(recording).await {
        Ok(true) => StatusCode::ACCEPTED.into_response(),
        Ok(false) => problem::conflict("only a recording whose state is `failed` is tried again"),
        Err(error) => broken(&error),
    }
}

async fn set_paused(app: &AppState, id: &str, paused: bool) -> Response {
    let recording = match entry(app, id).await {
        Ok((recording, _)) => recording,
        Err(answer) => return answer,
    };
    match app.rooms.pause(recording, paused).await {
        Ok(true) => return StatusCode::NO_CONTENT.into_response(),
        Ok(false) => {}
        Err(error) => return broken(&error),
    }
    problem::conflict("the recording does not run any more")
}

pub(super) async fn pause(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    set_paused(&app, &id, true).await
}

pub(super) async fn resume(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    set_paused(&app, &id, false).await
}

#[derive(Deserialize)]
pub(super) struct FileQuery {
    format: Option<String>,
    expires: Option<i64>,
    signature: Option<String>,
}

/// `/recordings/{id}/file`: the recording's main file, in the format asked for.
pub(super) async fn main_file(
    State(app): State<Arc<AppState>>,
    Extension(requester): Extension<Requester>,
    Path(id): Path<String>,
    Parameters(query): Parameters<FileQuery>,
    headers: HeaderMap,
) -> Response {
    if !is_authorised(&app, &requester, &headers) {
        return unauthorised();
    }
    let entry = match entry(&app, &id).await {
        Ok((_, entry)) => entry,
        Err(answer) => return answer,
    };
    let fits = |file: &&FileEntry| query.format.as_ref().is_none_or(|format| file.format == *format);
    match entry.manifest.files.iter().find(fits) {
        Some(file) => serve(&app, &entry, file, &headers).await,
        None if entry.manifest.files.is_empty() => {
            problem::conflict("the recording's files are not made yet: wait until its state is `finished`")
        }
        None => problem::not_found("format: there is no file of this format"),
    }
}

/// `/recordings/{id}/files/{name}`: any of its files; also by the link of a webhook.
pub(super) async fn file(
    State(app): State<Arc<AppState>>,
    Extension(requester): Extension<Requester>,
    Path((id, name)): Path<(String, String)>,
    Parameters(query): Parameters<FileQuery>,
    headers: HeaderMap,
) -> Response {
    let found = entry(&app, &id).await;
    let by_link = match (&found, query.expires, &query.signature) {
        (Ok((recording, entry)), Some(expires), Some(signature)) => {
            let path = crate::recording::path_of(*recording, &name);
            let service = &entry.manifest.service_id;
            app.recorder
                .keeper()
                .link_is_good(service, &path, expires, signature)
        }
        _ => false,
    };
    if !by_link && !is_authorised(&app, &requester, &headers) {
        return unauthorised();
    }
    let entry = match found {
        Ok((_, entry)) => entry,
        Err(answer) => return answer,
    };
    // Only names that the index knows: nothing of the path is used as one.
    match entry.manifest.files.iter().find(|file| file.name == name) {
        Some(file) => serve(&app, &entry, file, &headers).await,
        None => problem::not_found("the recording has no such file"),
    }
}

/// Which bytes are wanted: all, a range, or one that cannot be.
enum Part {
    Whole,
    Range(u64, u64),
    Unsatisfiable,
}

fn wanted(headers: &HeaderMap, size: u64) -> Part {
    let Some(range) = headers.typed_get::<Range>() else {
        return Part::Whole;
    };
    let mut all = range.satisfiable_ranges(size);
    let first = match (all.next(), all.next()) {
        (Some(first), None) => first,
        (None, _) => return Part::Unsatisfiable,
        // Several ranges in one answer: the whole is allowed instead (RFC 9110 section 14.2).
        (Some(_), Some(_)) => return Part::Whole,
    };
    let start = match first.0 {
        Bound::Included(start) => start,
        Bound::Excluded(_) | Bound::Unbounded => 0,
    };
    let end = match first.1 {
        Bound::Included(end) => end.saturating_add(1).min(size),
        Bound::Excluded(end) => end.min(size),
        Bound::Unbounded => size,
    };
    if start < end {
        Part::Range(start, end)
    } else {
        Part::Unsatisfiable
    }
}

/// A file that is read for a client.
struct Reading {
    reader: Box<dyn ReadSeek>,
    left: u64,
    download: Download,
}

impl Reading {
    /// The next piece, read on a thread that has nothing else to do with this client: whoever stalls holds none.
    async fn next(mut self) -> std::io::Result<Option<(Bytes, Reading)>> {
        if self.left == 0 {
            return Ok(None);
        }
        if !self.download.goes_on() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK))];
            self.reader.read_exact(&mut chunk)?;
            self.left -= chunk.len() as u64;
            Ok(Some((chunk.into(), self)))
        });
        read.await
            .map_err(std::io::Error::other)
            .flatten()
            .inspect_err(|error| warn!(%error, "a recording cannot be read to its end"))
    }
}

/// These bytes of a file, read as fast as the client takes them.
async fn body(
    mut reader: Box<dyn ReadSeek>,
    bytes: std::ops::Range<u64>,
    download: Download,
) -> std::io::Result<Body> {
    let start = SeekFrom::Start(bytes.start);
    let reader = tokio::task::spawn_blocking(move || reader.seek(start).map(|_| reader));
    let reading = Reading {
        reader: reader.await.map_err(std::io::Error::other)??,
        left: bytes.end - bytes.start,
        download,
    };
    Ok(Body::from_stream(futures_util::stream::try_unfold(
        reading,
        Reading::next,
    )))
}

/// Too many files are read: of this service, or of all.
fn crowded(crowded: Crowded) -> Response {
    let (status, title) = match crowded {
        Crowded::Service => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        Crowded::All => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    };
    let mut answer = problem(status, title, &crowded.to_string());
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

async fn serve(app: &AppState, entry: &Entry, file: &FileEntry, headers: &HeaderMap) -> Response {
    let download = match app.recorder.keeper().download(&entry.manifest.service_id) {
        Ok(download) => download,
        Err(refused) => return crowded(refused),
    };
    let opened = match app.recorder.keeper().open(entry, file).await {
        Ok(opened) => opened,
        Err(error) => return broken(&error),
    };
    let size = opened.size;
    let (status, start, end) = match wanted(headers, size) {
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Range(start, end) => (StatusCode::PARTIAL_CONTENT, start, end),
        Part::Unsatisfiable => {
            let mut answer = problem(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "Range Not Satisfiable",
                "Range: the file is shorter",
            );
            answer
                .headers_mut()
                .typed_insert(ContentRange::unsatisfied_bytes(size));
            return answer;
        }
    };
    let body = match body(opened.reader, start..end, download).await {
        Ok(body) => body,
        Err(error) => return broken(&error),
    };
    let mut answer = private((status, body).into_response());
    let head = answer.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(opened.media_type));
    head.insert(header::CONTENT_LENGTH, (end - start).into());
    head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let name = format!(
        "attachment; filename=\"{}-{}\"",
        entry.manifest.recording_id, opened.name
    );
    if let Ok(name) = HeaderValue::from_str(&name) {
        head.insert(header::CONTENT_DISPOSITION, name);
    }
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = ContentRange::bytes(start..end, size)
    {
        head.typed_insert(range);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Downloads;
    use futures_util::StreamExt;
    use std::io::Cursor;
    use std::time::Duration;

    #[test]
    fn clients_that_stall_hold_no_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()
            .unwrap();
        runtime.block_on(async {
            let downloads = Downloads::new(Arc::default());
            let mut stalled = Vec::new();
            for n in 0..16 {
                let download = downloads.begin("demo").unwrap();
                let reader = Box::new(Cursor::new(vec![n; 4 << 20]));
                let mut body = body(reader, 0..4 << 20, download)
                    .await
                    .unwrap()
                    .into_data_stream();
                // Each takes a piece, and then nothing more.
                assert_eq!(body.next().await.unwrap().unwrap().len(), CHUNK);
                stalled.push(body);
            }
            assert!(downloads.begin("demo").is_err());
            let free = tokio::task::spawn_blocking(|| 7);
            assert_eq!(
                tokio::time::timeout(Duration::from_secs(5), free)
                    .await
                    .unwrap()
                    .unwrap(),
                7
            );
            // And when they go on, all of it comes.
            let rest = stalled
                .pop()
                .unwrap()
                .fold(0, async |sum, piece| sum + piece.unwrap().len());
            assert_eq!(rest.await, (4 << 20) - CHUNK);
            drop(stalled);
            assert!(downloads.begin("demo").is_ok());
        });
    }
}
