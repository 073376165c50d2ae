//! An app's signaling without its media: what the SDKs send, for cases in which no audio matters.

use crate::harness::Service;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, connect};

pub struct App {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    pub session: String,
    /// `WS_SESSION_RSP`.
    pub welcome: Value,
    backlog: Vec<Value>,
}

impl App {
    pub fn sign_in(service: &Service, user: &str) -> App {
        App::try_sign_in(service, user, None).unwrap()
    }

    /// Signs in as a reverse proxy passes it on for `client`; the status of the answer when it is not let in.
    pub fn sign_in_from(service: &Service, user: &str, client: &str) -> Result<App, u16> {
        App::try_sign_in(service, user, Some(client))
    }

    /// Signs in to another service, with its key; what is said when it is not let in.
    pub fn sign_in_as(service: &Service, of: (&str, &str), user: &str) -> Result<App, Value> {
        let app = App::connect(service, None).unwrap();
        app.hello(of, user)
    }

    /// Begins a session by a join token; what is said when it does not begin.
    pub fn sign_in_by(service: &Service, id: &str, token: &str) -> Result<App, Value> {
        let app = App::connect(service, None).unwrap();
        app.greet(&json!({"cmd": "WS_SESSION_REQ", "service_id": id, "join_token": token, "sdk": "omnigate", "ver": "2.1.0"}))
    }

    fn try_sign_in(service: &Service, user: &str, client: Option<&str>) -> Result<App, u16> {
        let app = App::connect(service, client)?;
        Ok(app.hello(("demo", "demo"), user).unwrap())
    }

    fn hello(self, (id, key): (&str, &str), user: &str) -> Result<App, Value> {
        self.greet(&json!({"cmd": "WS_SESSION_REQ", "service_id": id, "service_key": key, "sdk": "JS", "ver": "2.1.3", "heartbeat": true, "user_id": user}))
    }

    fn greet(mut self, hello: &Value) -> Result<App, Value> {
        self.socket.send(Message::text(hello.to_string())).unwrap();
        let answer = self.wait_for("WS_SESSION_RSP");
        if answer["result"] != "success" {
            return Err(answer);
        }
        self.session = answer["session"].as_str().unwrap().to_owned();
        self.welcome = answer;
        Ok(self)
    }

    fn connect(service: &Service, client: Option<&str>) -> Result<App, u16> {
        let mut request = format!("ws://{}/ws", service.http).into_client_request().unwrap();
        if let Some(client) = client {
            request
                .headers_mut()
                .insert("x-forwarded-for", client.parse().unwrap());
        }
        let (socket, _) = match connect(request) {
            Ok(connected) => connected,
            Err(Error::Http(answer)) => return Err(answer.status().as_u16()),
            Err(e) => panic!("{e}"),
        };
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        }
        Ok(App {
            socket,
            session: String::new(),
            welcome: Value::Null,
            backlog: Vec::new(),
        })
    }

    /// Sends a request and waits for its response.
    pub fn request(&mut self, command: &str, fields: Value) -> Value {
        self.send_all(command, [fields]);
        self.wait_for(&format!("WS_{command}_RSP"))
    }

    /// Sends requests and waits for none.
    pub fn send_all(&mut self, command: &str, requests: impl IntoIterator<Item = Value>) {
        for fields in requests {
            let mut message = json!({"cmd": format!("WS_{command}_REQ"), "session": self.session});
            message
                .as_object_mut()
                .unwrap()
                .extend(fields.as_object().unwrap().clone());
            self.socket.send(Message::text(message.to_string())).unwrap();
        }
    }

    pub fn personal_number(&mut self) -> String {
        self.request("MAKE_SIPNUM", json!({}))["call_number"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The next message with this `cmd`; others are kept.
    pub fn wait_for(&mut self, command: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(15);
        if let Some(i) = self.backlog.iter().position(|m| m["cmd"] == command) {
            return self.backlog.remove(i);
        }
        while Instant::now() < until {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["cmd"] == command {
                        return message;
                    }
                    self.backlog.push(message);
                }
                Ok(Message::Close(frame)) => panic!("closed while waiting for {command}: {frame:?}"),
                Ok(_) => {}
                Err(Error::Io(_)) => {}
                Err(e) => panic!("waiting for {command}: {e}"),
            }
        }
        panic!(
            "no {command} within 15 s; got {:?}",
            self.backlog.iter().map(|m| m["cmd"].clone()).collect::<Vec<_>>()
        );
    }

    /// Waits until the server closes; the close code.
    pub fn wait_closed(&mut self) -> Option<u16> {
        let until = Instant::now() + Duration::from_secs(15);
        while Instant::now() < until {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame.map(|f| f.code.into()),
                Ok(_) | Err(Error::Io(_)) => {}
                Err(_) => return None,
            }
        }
        panic!("not closed within 15 s");
    }
}
