//! Asks a running service by its API.

use super::output::Failure;
use crate::access::TokenFile;
use crate::config::Settings;
use clap::Args;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Which service is asked, and as whom.
#[derive(Debug, Args)]
pub(super) struct ServerArguments {
    /// Address of the service, as `https://rooms.example.com`; default: http.listen of the configuration.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Bearer token of its API; default: OMNIGATE_TOKEN, else api.token of the configuration, else the file api-token beside the
    /// database.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

/// A service that runs.
pub(super) struct ApiClient {
    http: Client,
    server: String,
    token: Option<String>,
    /// Where the token of the first start is.
    file: String,
}

impl ApiClient {
    pub(super) fn new(arguments: ServerArguments, settings: &Settings) -> Result<ApiClient, Failure> {
        let mut http = Client::builder().timeout(TIMEOUT).no_proxy();
        let server = match arguments.server {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => {
                // The certificate is made for the public name, not for the address that is asked here.
                http = http.danger_accept_invalid_certs(true);
                let scheme = if settings.http.tls.certificate.is_some() {
                    "https"
                } else {
                    "http"
                };
                format!("{scheme}://{}", reachable(settings.http.listen))
            }
        };
        let of_environment = || std::env::var("OMNIGATE_TOKEN").ok();
        let configured = || settings.api.token.as_ref().map(|token| token.expose().to_owned());
        let token = arguments.token.or_else(of_environment).or_else(configured);
        let file = TokenFile::of(&settings.state_dir());
        let token = match token {
            Some(token) => Some(token),
            None => match file.read() {
                Ok(token) => token.map(|token| token.expose().to_owned()),
                // As a command beside the service that is run by somebody else.
                Err(error) => {
                    return Err(format!("{}: {error}; or give --token", file.path().display()).into());
                }
            },
        };
        Ok(ApiClient {
            http: http.build()?,
            server,
            token,
            file: file.path().display().to_string(),
        })
    }

    /// What the API says at this path.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(self.http.get(self.address(path))).await
    }

    /// What it says to this order.
    pub(super) async fn post(&self, path: &str, order: &Value) -> Result<Value, Failure> {
        self.ask(self.http.post(self.address(path)).json(order)).await
    }

    /// What it says to this change of what is at this path.
    pub(super) async fn patch(&self, path: &str, change: &Value) -> Result<Value, Failure> {
        self.ask(self.http.patch(self.address(path)).json(change)).await
    }

    /// Takes away what is at this path.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.ask(self.http.delete(self.address(path))).await.map(drop)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    async fn ask(&self, mut request: RequestBuilder) -> Result<Value, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request
            .send()
            .await
            .map_err(|error| format!("{} does not answer: {}", self.server, cause(&error)))?;
        let status = answer.status();
        if status == StatusCode::UNAUTHORIZED {
            let what = match self.token {
                Some(_) => "does not take this API token",
                None => "wants an API token",
            };
            return Err(format!(
                "the service {what}: --token, OMNIGATE_TOKEN, api.token of the configuration, or the file {}, which is made \
                 at the first start",
                self.file
            )
            .into());
        }
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let body: Value = answer
            .json()
            .await
            .map_err(|_| format!("{} answers {status}, and not as an API does", self.server))?;
        if !status.is_success() {
            return Err(body["detail"]
                .as_str()
                .unwrap_or(status.as_str())
                .to_owned()
                .into());
        }
        Ok(body)
    }
}

/// One part of a path of the API, whatever is in it.
pub(super) fn part(text: &str) -> String {
    let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    text.replace('+', "%20")
}

/// Where a listener that is bound to all addresses is reached from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// What lies under the words of the HTTP library.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
