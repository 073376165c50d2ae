//! A session of either service, from an address of its own as the client of a real tenant has it.

use crate::listener::from;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

pub struct Client {
    socket: WebSocket<TcpStream>,
    pub session: String,
}

impl Client {
    /// Why it was not let in, otherwise.
    pub fn sign_in(to: SocketAddr, source: [u8; 4], service: &str, user: &str) -> Result<Client, String> {
        let (socket, _) = client(format!("ws://{to}/ws"), from(source, to)).map_err(|e| e.to_string())?;
        let mut client = Client {
            socket,
            session: String::new(),
        };
        let hello = json!({ "service_id": service, "service_key": service, "sdk": "JS", "ver": "2.1.3", "heartbeat": false, "user_id": user });
        let answer = client.ask("SESSION", hello)?;
        client.session = text(&answer, "session").ok_or_else(|| answer.to_string())?;
        Ok(client)
    }

    /// The response; an error when none comes.
    pub fn ask(&mut self, command: &str, fields: Value) -> Result<Value, String> {
        let sent = self.send(command, fields);
        sent.map_err(|fault| format!("{command}: {fault}"))?;
        self.answer(command)
    }

    /// The next response to such a request.
    pub fn answer(&mut self, command: &str) -> Result<Value, String> {
        let told = |fault: &dyn std::fmt::Display| format!("{command}: {fault}");
        loop {
            let Message::Text(text) = self.socket.read().map_err(|fault| told(&fault))? else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).map_err(|fault| told(&fault))?;
            if message["cmd"] == format!("WS_{command}_RSP") {
                return Ok(message);
            }
        }
    }

    /// The response, and how long it took.
    pub fn timed(&mut self, command: &str, fields: Value) -> (Result<Value, String>, Duration) {
        let asked = Instant::now();
        (self.ask(command, fields), asked.elapsed())
    }

    /// Waits for no response.
    pub fn send(&mut self, command: &str, mut fields: Value) -> Result<(), Box<dyn std::error::Error>> {
        fields["cmd"] = format!("WS_{command}_REQ").into();
        if !self.session.is_empty() {
            fields["session"] = self.session.as_str().into();
        }
        self.send_text(fields.to_string())
    }

    /// Whatever this is.
    pub fn send_text(&mut self, text: String) -> Result<(), Box<dyn std::error::Error>> {
        Ok(self.socket.send(Message::text(text))?)
    }

    /// The connection below it.
    pub fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }
}

/// The field of an answer that says success.
pub fn success(answer: &Value, field: &str) -> Option<String> {
    (answer["result"] == "success").then(|| text(answer, field))?
}

fn text(answer: &Value, field: &str) -> Option<String> {
    answer[field].as_str().map(str::to_owned)
}
