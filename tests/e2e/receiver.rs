//! A server that takes webhooks: keeps them, and answers as it is told.

use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Time enough for any machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// One POST.
#[derive(Clone, Debug)]
pub struct Post {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Post {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// Checked by somebody else's implementation of Standard Webhooks.
    pub fn verified_by(&self, secret: &str) -> bool {
        let script = "import sys, json\n\
            from standardwebhooks.webhooks import Webhook\n\
            secret, headers, body = json.loads(sys.argv[1])\n\
            Webhook(secret).verify(body, headers)\n";
        let arguments = serde_json::json!([secret, self.headers, self.body]).to_string();
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".test/venv/bin/python");
        let done = Command::new(python)
            .args(["-c", script, &arguments])
            .output()
            .unwrap();
        done.status.success()
    }
}

pub struct Receiver {
    pub address: SocketAddr,
    posts: Arc<Mutex<Vec<Post>>>,
    answer: Arc<Mutex<String>>,
}

impl Receiver {
    pub fn start() -> Receiver {
        Receiver::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn on(listener: TcpListener) -> Receiver {
        let receiver = Receiver {
            address: listener.local_addr().unwrap(),
            posts: Arc::default(),
            answer: Arc::new(Mutex::new("204 No Content\r\n".to_owned())),
        };
        let (posts, answer) = (receiver.posts.clone(), receiver.answer.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (posts, answer) = (posts.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &posts, &answer));
            }
        });
        receiver
    }

    /// Status line and headers of all answers from now on; `hang` keeps silent.
    pub fn answers(&self, answer: &str) {
        *self.answer.lock().unwrap() = answer.to_owned();
    }

    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }

    /// The first `count` posts.
    pub fn wait_for(&self, count: usize) -> Vec<Post> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let posts = self.posts();
            if posts.len() >= count {
                return posts;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!(
            "{} webhooks within {PATIENCE:?}, and not {count}",
            self.posts().len()
        );
    }

    /// The settings of a service whose webhook goes here.
    pub fn settings(&self) -> String {
        format!(
            "webhook.allow_private = [\"127.0.0.0/8\"]\n[[service]]\nid = \"demo\"\nkey = \"demo\"\n\
             webhook.url = \"http://{}/hook\"\nwebhook.secret = \"{SECRET}\"\n",
            self.address
        )
    }
}

fn serve(stream: TcpStream, posts: &Mutex<Vec<Post>>, answer: &Mutex<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |v| v.parse().unwrap());
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        posts.lock().unwrap().push(Post {
            path,
            headers,
            body: String::from_utf8(body).unwrap(),
        });
        let answer = answer.lock().unwrap().clone();
        match answer.as_str() {
            "hang" => std::thread::sleep(Duration::from_secs(60)),
            "endless" => {
                let _ = writer.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                while writer
                    .write_all(&[b"1000\r\n".to_vec(), vec![b'x'; 4096], b"\r\n".to_vec()].concat())
                    .is_ok()
                {}
                return;
            }
            answer => {
                let _ = writer.write_all(format!("HTTP/1.1 {answer}content-length: 0\r\n\r\n").as_bytes());
            }
        }
    }
}
