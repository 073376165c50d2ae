//! Runs sipp scenarios from `tests/e2e/sipp/`.

use crate::harness::{Service, tail};
use std::net::SocketAddr;
use std::process::Command;

pub struct Sipp<'a> {
    service: &'a Service,
    arguments: Vec<String>,
    tcp: bool,
    /// A proxy on the way.
    through: Option<SocketAddr>,
}

pub fn sipp<'a>(service: &'a Service, scenario: &str) -> Sipp<'a> {
    let file = format!("{}/tests/e2e/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
    let fixed = [
        "-sf",
        &file,
        "-i",
        "127.0.0.1",
        "-s",
        "07012345678",
        "-nostdin",
        "-timeout_error",
        "-timeout",
        "60s",
        "-trace_err",
    ];
    Sipp {
        service,
        arguments: fixed.map(str::to_owned).to_vec(),
        tcp: false,
        through: None,
    }
}

impl Sipp<'_> {
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|a| (*a).to_owned()));
        self
    }

    /// In place of a minute.
    pub fn for_at_most(self, limit: &str) -> Self {
        self.with(&["-timeout", limit])
    }

    pub fn tcp(mut self) -> Self {
        self.tcp = true;
        self.with(&["-t", "t1"])
    }

    pub fn through(mut self, proxy: SocketAddr) -> Self {
        self.through = Some(proxy);
        self
    }

    /// One call unless `-m` says otherwise; panics when the scenario does not go as written.
    pub fn passes(mut self) {
        if !self.arguments.iter().any(|a| a == "-m") {
            self = self.with(&["-m", "1"]);
        }
        let to = match self.through {
            Some(proxy) => proxy,
            None if self.tcp => self.service.sip_tcp,
            None => self.service.sip_udp,
        };
        let output = Command::new("sipp")
            .args(&self.arguments)
            .arg(to.to_string())
            .current_dir(&self.service.dir)
            .output()
            .unwrap();
        if !output.status.success() {
            let errors: String = std::fs::read_dir(&self.service.dir)
                .unwrap()
                .flatten()
                .filter(|f| f.file_name().to_string_lossy().contains("errors"))
                .map(|f| std::fs::read_to_string(f.path()).unwrap_or_default())
                .collect();
            panic!(
                "sipp: {:?}\n{}\n{errors}\n{}",
                output.status,
                tail(&String::from_utf8_lossy(&output.stdout)),
                tail(&self.service.log())
            );
        }
    }
}
