//! The directory of another omnigate: `GET /api/v1/call-numbers/{number}`, and `POST …/uses` for somebody who calls it.

use super::{Calling, Directory, LookUpError};
use omnigate_omnitalk::{CallNumber, LookUp, Target, TargetKind};
use omnigate_room::{RoomId, Secret};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Time for one request, seconds.
const TIMEOUT_SECONDS: u64 = 3;
/// Requests in all.
const ATTEMPTS: u32 = 2;

/// A remote directory.
pub struct HttpDirectory {
    client: reqwest::Client,
    base: String,
    token: Option<Secret>,
}

#[derive(Deserialize)]
struct Answer {
    service_id: String,
    target: AnswerTarget,
}

#[derive(Deserialize)]
struct AnswerTarget {
    kind: String,
    id: String,
}

impl HttpDirectory {
    /// `base` is the other side's address without path.
    pub fn new(base: &str, token: Option<Secret>) -> Result<HttpDirectory, LookUpError> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(TIMEOUT_SECONDS))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(HttpDirectory {
            client,
            base: base.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// Asks for a number; for somebody who calls it when there is one.
    async fn ask(&self, number: CallNumber, calling: Option<&Calling>) -> Result<LookUp, LookUpError> {
        let path = format!("{}/api/v1/call-numbers/{}", self.base, number.expose());
        let mut request = match calling {
            None => self.client.get(path),
            Some(calling) => self.client.post(path + "/uses").json(&json!({
                "call": calling.call.to_string(), "caller": calling.caller, "service_id": calling.service,
            })),
        };
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        // The error's own text would show the address with the number in it.
        let response = request.send().await.map_err(|e| {
            if e.is_timeout() {
                LookUpError::TimeOut(TIMEOUT_SECONDS)
            } else {
                LookUpError::Unreachable(e.without_url())
            }
        })?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(LookUp::Unknown),
            StatusCode::GONE => return Ok(LookUp::Expired),
            // Its caller has used up what it may guess there.
            StatusCode::TOO_MANY_REQUESTS if calling.is_some() => return Ok(LookUp::Unknown),
            StatusCode::FORBIDDEN if calling.is_some() => return Ok(LookUp::NotForCaller),
            // An older omnigate: its numbers are plain.
            StatusCode::METHOD_NOT_ALLOWED if calling.is_some() => {
                return Box::pin(self.ask(number, None)).await;
            }
            other => return Err(LookUpError::Unexpected(other.to_string())),
        }
        let answer: Answer = response
            .json()
            .await
            .map_err(|e| LookUpError::Unreachable(e.without_url()))?;
        let kind = match answer.target.kind.as_str() {
            "user" => TargetKind::User(answer.target.id),
            "room" => TargetKind::Room(
                RoomId::parse(&answer.target.id)
                    .ok_or_else(|| LookUpError::Unexpected("target.id is no room".into()))?,
            ),
            other => return Err(LookUpError::Unexpected(format!("target.kind `{other}`"))),
        };
        Ok(LookUp::Found(Target {
            call_number: number,
            service_id: answer.service_id,
            kind,
        }))
    }
}

impl HttpDirectory {
    async fn ask_again(&self, number: CallNumber, calling: Option<&Calling>) -> Result<LookUp, LookUpError> {
        let mut last = LookUpError::TimeOut(TIMEOUT_SECONDS);
        for _ in 0..ATTEMPTS {
            match self.ask(number, calling).await {
                Ok(found) => return Ok(found),
                Err(e) => last = e,
            }
        }
        Err(last)
    }
}

#[async_trait::async_trait]
impl Directory for HttpDirectory {
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError> {
        self.ask_again(number, None).await
    }

    async fn redeem(&self, number: CallNumber, calling: &Calling) -> Result<LookUp, LookUpError> {
        self.ask_again(number, Some(calling)).await
    }
}
