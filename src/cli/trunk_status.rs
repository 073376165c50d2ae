//! `omnigate trunk status`: how the trunks of a running service are.

use super::api_client::{ApiClient, ServerArguments};
use super::output::{Failure, say};
use crate::clock::utc;
use crate::config::Settings;
use serde_json::Value;

/// Strangers that are shown.
const STRANGERS: usize = 10;

pub(super) async fn run(settings: &Settings, server: ServerArguments, json: bool) -> Result<(), Failure> {
    let status = ApiClient::new(server, settings)?.get("/api/v1/trunks").await?;
    if json {
        say(&serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    for line in lines(&status) {
        say(&line);
    }
    Ok(())
}

fn lines(status: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for trunk in all(&status["trunks"]) {
        lines.extend(of_trunk(trunk));
    }
    if let Some(line) = refusal(&status["refusal"]) {
        lines.push(format!("of no trunk: {line}"));
    }
    let strangers = all(&status["strangers"]);
    if !strangers.is_empty() {
        lines.push("sources that no trunk allows, and that got no answer:".to_owned());
    }
    for stranger in strangers.iter().take(STRANGERS) {
        let near = match stranger["nearest"].as_str() {
            Some(trunk) => format!(", nearest {trunk} ({})", text(&stranger["network"])),
            None => String::new(),
        };
        lines.push(format!(
            "  {}: {} messages, the last {}{near}",
            text(&stranger["source"]),
            stranger["messages"],
            time(&stranger["last_at"])
        ));
    }
    if let Some(more) = strangers.len().checked_sub(STRANGERS).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn of_trunk(trunk: &Value) -> Vec<String> {
    let calls = &trunk["calls"];
    let channels = calls["channels"].as_u64().map(|most| format!(" of {most}"));
    let mut lines = vec![format!(
        "{}: {} calls in, {} out{}",
        text(&trunk["name"]),
        calls["inbound"],
        calls["outbound"],
        channels.unwrap_or_default()
    )];
    let registration = &trunk["registration"];
    if let Some(state) = registration["state"].as_str() {
        let why = registration["why"].as_str().map(|why| format!(": {why}"));
        lines.push(format!(
            "  {state} since {}{}",
            time(&registration["since"]),
            why.unwrap_or_default()
        ));
    }
    for gateway in all(&trunk["gateways"]) {
        let addresses = all(&gateway["addresses"]);
        if addresses.is_empty() {
            lines.push(format!("  gateway {} is not found", text(&gateway["gateway"])));
        }
        for address in addresses {
            lines.push(of_address(gateway, address));
        }
    }
    for (key, name) in [("inbound", "last call in"), ("outbound", "last call out")] {
        let call = &trunk[key];
        if call.is_object() {
            lines.push(format!(
                "  {name} {}: {} to {}, {}",
                time(&call["started_at"]),
                text(&call["caller"]),
                text(&call["called"]),
                call["reason"].as_str().unwrap_or("still there")
            ));
        }
    }
    lines.extend(refusal(&trunk["refusal"]).map(|line| format!("  {line}")));
    lines
}

fn of_address(gateway: &Value, address: &Value) -> String {
    let state = match address["passed_over_seconds"].as_u64() {
        Some(seconds) => format!("passed over for {seconds} s"),
        None => "up".to_owned(),
    };
    let options = match address["options_status"].as_u64() {
        Some(status) => format!("answers OPTIONS with {status}"),
        None => "has not answered OPTIONS".to_owned(),
    };
    format!(
        "  gateway {} {} {}: {state}, {options}",
        text(&gateway["gateway"]),
        text(&address["transport"]),
        text(&address["address"])
    )
}

fn refusal(refusal: &Value) -> Option<String> {
    let reason = refusal["reason"].as_str()?;
    Some(format!(
        "last refusal {}, {}: {reason}, {}",
        time(&refusal["at"]),
        text(&refusal["direction"]),
        text(&refusal["why"])
    ))
}

fn all(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn time(value: &Value) -> String {
    utc(value.as_u64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_stands_in_words() {
        let status = json!({
            "trunks": [{
                "name": "carrier",
                "calls": { "inbound": 3, "outbound": 1, "channels": 30 },
                "registration": { "state": "failed", "since": 1_764_000_000_u64, "why": "the password is refused" },
                "gateways": [
                    { "gateway": "gw.example", "addresses": [] },
                    { "gateway": "192.0.2.1", "addresses": [
                        { "transport": "udp", "address": "192.0.2.1:5060", "up": false, "passed_over_seconds": 7, "options_status": 503 }
                    ] },
                ],
                "inbound": { "started_at": 1_764_000_001_u64, "caller": "010***", "called": "070***", "reason": null },
                "outbound": null,
                "refusal": { "direction": "inbound", "at": 1_764_000_002_u64, "reason": "overload", "why": "full" },
            }],
            "refusal": null,
            "strangers": [
                { "source": "192.0.2.9", "messages": 2, "last_at": 1_764_000_003_u64, "nearest": "carrier", "network": "192.0.2.0/29" }
            ],
        });
        assert_eq!(
            lines(&status).join("\n"),
            "carrier: 3 calls in, 1 out of 30\n  \
             failed since 2025-11-24T16:00:00Z: the password is refused\n  \
             gateway gw.example is not found\n  \
             gateway 192.0.2.1 udp 192.0.2.1:5060: passed over for 7 s, answers OPTIONS with 503\n  \
             last call in 2025-11-24T16:00:01Z: 010*** to 070***, still there\n  \
             last refusal 2025-11-24T16:00:02Z, inbound: overload, full\n\
             sources that no trunk allows, and that got no answer:\n  \
             192.0.2.9: 2 messages, the last 2025-11-24T16:00:03Z, nearest carrier (192.0.2.0/29)"
        );
    }
}
