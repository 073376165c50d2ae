//! `omnigate trunk certify`: has a running service try how one of its trunks behaves, and reports it.

use super::api_client::{ApiClient, ServerArguments};
use super::certify_report::{line, report};
use super::output::{Failure, complain, say};
use crate::config::Settings;
use crate::gateway::{Certification, Part, Progress};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How often the service is asked how far it is.
const EACH: Duration = Duration::from_millis(500);
/// How long a certification that was asked to end may take for that: an ACK is waited for 32 s, and the answer to a BYE for
/// as long.
const GOODBYE: Duration = Duration::from_secs(75);

#[derive(Debug, Args)]
pub(super) struct CertifyArguments {
    /// The trunk.
    name: String,
    /// A telephone that somebody answers, three times; or, with the same number as --inbound, the way back to us.
    #[arg(long, value_name = "NUMBER")]
    call: Option<String>,
    /// The number that calls out show, one of the trunk's callers; default: the first that may be shown.
    #[arg(long, value_name = "NUMBER", requires = "call")]
    from: Option<String>,
    /// A number of the trunk: the next call to it is looked at, and comes to no menu.
    #[arg(long, value_name = "NUMBER")]
    inbound: Option<String>,
    /// Also a call of 31 minutes.
    #[arg(long, requires = "call")]
    long: bool,
    /// How long a call in is waited for.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
    /// How long nobody speaks in a call out.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    silence: u64,
    /// Write the report here instead of to stdout.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print what the API tells, as JSON, instead of a report.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) async fn run(settings: &Settings, arguments: CertifyArguments) -> Result<(), Failure> {
    let path = path(&arguments.name)?;
    let order = order(&arguments);
    let client = ApiClient::new(arguments.server, settings)?;
    let begun = client.post(&path, &order).await?;
    let mut teller = Teller::new(arguments.call, arguments.inbound);
    let told = follow(&client, &path, begun, &mut teller).await?;
    let certification: Certification = serde_json::from_value(told.clone())?;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&told)?,
        false => report(&certification),
    };
    match &arguments.report {
        Some(file) => {
            std::fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
            complain(&format!("the report is in {}", file.display()));
        }
        None => say(&text),
    }
    verdict(&certification)
}

/// Where the certification of a trunk is.
fn path(name: &str) -> Result<String, Failure> {
    let mut url = url::Url::parse("http://localhost/api/v1/trunks")?;
    let mut segments = url.path_segments_mut().map_err(|()| "no such path")?;
    segments.extend([name, "certification"]);
    drop(segments);
    Ok(url.path().to_owned())
}

fn order(arguments: &CertifyArguments) -> Value {
    json!({
        "call": arguments.call,
        "from": arguments.from,
        "inbound": arguments.inbound,
        "long": arguments.long,
        "wait_seconds": arguments.wait,
        "silence_seconds": arguments.silence,
    })
}

/// Tells how far it is until it is over; ended by the user, it ends there too.
async fn follow(client: &ApiClient, path: &str, begun: Value, teller: &mut Teller) -> Result<Value, Failure> {
    let mut told = begun;
    let mut until = None;
    let mut enough = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let certification: Certification = serde_json::from_value(told.clone())?;
        teller.tell(&certification);
        if certification.state != Progress::Running {
            return Ok(told);
        }
        if until.is_some_and(|until| tokio::time::Instant::now() >= until) {
            return Err("the certification does not end".into());
        }
        tokio::select! {
            () = tokio::time::sleep(EACH) => {}
            Ok(()) = &mut enough, if until.is_none() => {
                complain("ending it");
                until = Some(tokio::time::Instant::now() + GOODBYE);
                // It may be over by now: what is asked next says so.
                let _ = client.delete(path).await;
            }
        }
        told = client.get(path).await?;
    }
}

/// Says on stderr what is new.
struct Teller {
    call: Option<String>,
    inbound: Option<String>,
    part: Option<Part>,
    steps: usize,
}

impl Teller {
    fn new(call: Option<String>, inbound: Option<String>) -> Teller {
        Teller {
            call,
            inbound,
            part: None,
            steps: 0,
        }
    }

    fn tell(&mut self, certification: &Certification) {
        for step in certification.steps.iter().skip(self.steps) {
            complain(&line(step));
        }
        self.steps = certification.steps.len();
        if certification.part != self.part {
            self.part = certification.part;
            if let Some(text) = certification.part.map(|part| self.prompt(part)) {
                complain(&text);
            }
        }
    }

    /// What a person is to do now.
    fn prompt(&self, part: Part) -> String {
        let call = self.call.as_deref().unwrap_or_default();
        let inbound = self.inbound.as_deref().unwrap_or_default();
        match part {
            Part::Ways => "registration, names and OPTIONS …".to_owned(),
            _ if !call.is_empty() && call == inbound => format!("calling {call}, which comes back …"),
            Part::Call => format!("calling {call}: answer it, and stay until it ends …"),
            Part::CallPcma => format!("calling {call} with G.711 A-law alone: answer it …"),
            Part::CallPcmu => format!("calling {call} with G.711 µ-law alone: answer it …"),
            Part::CallLong => format!("calling {call} for 31 minutes: answer it, and stay …"),
            Part::CallIn => {
                format!(
                    "call {inbound} now, press 1 2 3 4 5 # behind the tone, and hang up behind the next …"
                )
            }
        }
    }
}

fn verdict(certification: &Certification) -> Result<(), Failure> {
    if certification.passed() {
        return Ok(());
    }
    if certification.state == Progress::Stopped {
        return Err("the certification was ended before it was done".into());
    }
    let wrong: Vec<&str> = certification.wrong().map(|step| step.id.title()).collect();
    Err(format!("not as it must be: {}", wrong.join(", ")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_kind_makes_a_path() {
        assert_eq!(path("carrier").unwrap(), "/api/v1/trunks/carrier/certification");
        assert_eq!(path("a b/c").unwrap(), "/api/v1/trunks/a%20b%2Fc/certification");
    }
}
