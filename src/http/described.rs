//! `docs/openapi.yaml` names every route of the API with its scope, and no other.

use std::collections::BTreeSet;

/// `get /api/v1/calls read`, of each route in the source of the router.
fn served() -> BTreeSet<String> {
    let source = include_str!("server.rs");
    let routes = source
        .split("fn api_routes")
        .nth(1)
        .unwrap()
        .split(".finish()")
        .next()
        .unwrap();
    let mut all = BTreeSet::new();
    for (word, method) in [
        (".get(", "get"),
        (".post(", "post"),
        (".patch(", "patch"),
        (".delete(", "delete"),
        (".download(", "get"),
    ] {
        for route in routes.split(word).skip(1) {
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

/// The same of the description.
fn described() -> BTreeSet<String> {
    let (mut all, mut path, mut method) = (BTreeSet::new(), "", "");
    for line in include_str!("../../docs/openapi.yaml").lines() {
        let inner = line.trim_start();
        match line.len() - inner.len() {
            2 if inner.starts_with('/') => path = inner.trim_end_matches(':'),
            4 if inner.ends_with(':') => method = inner.trim_end_matches(':'),
            6 if inner.starts_with("x-scope: ") => {
                let scope = inner.trim_start_matches("x-scope: ");
                all.insert(format!("{method} {path} {scope}"));
            }
            _ => {}
        }
    }
    all
}

#[test]
fn every_route_of_the_api_is_described_with_the_scope_that_it_needs() {
    assert!(served().len() > 15, "{:?}", served());
    assert_eq!(served(), described());
}
