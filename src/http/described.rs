//! `docs/openapi.yaml` names every route of the API with its scope, and no other; and which of them take an `Idempotency-Key`.

use std::collections::BTreeSet;

/// `get /api/v1/calls read`, of each route in the source of the router that is added by one of these words.
fn served(words: &[(&str, &str)]) -> BTreeSet<String> {
    let source = include_str!("server.rs");
    let routes = source
        .split("fn api_routes")
        .nth(1)
        .unwrap()
        .split(".finish()")
        .next()
        .unwrap();
    let mut all = BTreeSet::new();
    for (word, method) in words {
        for route in routes.split(*word).skip(1) {
            let mut parts = route.split(',').map(str::trim);
            let path = parts.next().unwrap().trim_matches('"');
            all.insert(format!(
                "{method} {path} {}",
                parts.next().unwrap().to_lowercase()
            ));
        }
    }
    all
}

/// The same of the description: of all operations, or of those that have this parameter.
fn described(parameter: Option<&str>) -> BTreeSet<String> {
    let (mut all, mut path, mut method, mut operation) = (BTreeSet::new(), "", "", String::new());
    for line in include_str!("../../docs/openapi.yaml").lines() {
        let inner = line.trim_start();
        match line.len() - inner.len() {
            2 if inner.starts_with('/') => path = inner.trim_end_matches(':'),
            4 if inner.ends_with(':') => method = inner.trim_end_matches(':'),
            6 if inner.starts_with("x-scope: ") => {
                let scope = inner.trim_start_matches("x-scope: ");
                operation = format!("{method} {path} {scope}");
                if parameter.is_none() {
                    all.insert(operation.clone());
                }
            }
            6 if inner.starts_with("parameters: [") && parameter.is_some_and(|one| inner.contains(one)) => {
                all.insert(operation.clone());
            }
            _ => {}
        }
    }
    all
}

#[test]
fn every_route_of_the_api_is_described_with_the_scope_that_it_needs() {
    let served = served(&[
        (".get(", "get"),
        (".post(", "post"),
        (".create(", "post"),
        (".patch(", "patch"),
        (".delete(", "delete"),
        (".download(", "get"),
    ]);
    assert!(served.len() > 15, "{served:?}");
    assert_eq!(served, described(None));
}

#[test]
fn what_creates_something_is_described_with_its_key() {
    let served = served(&[(".create(", "post")]);
    assert!(served.len() > 3, "{served:?}");
    assert_eq!(served, described(Some("IdempotencyKey")));
}
