//! The files that browsers get: no circle among them, the modules of the page that act do not draw, and every failure
//! that has a code has words too.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic"
)]

use omnigate_omnitalk::FAULT_CODES;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

/// Every module by its path below `web/`, with its text.
fn modules() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![web()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "js") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(web()).unwrap().to_owned(), text);
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// What a module imports or passes on, as paths below `web/`.
fn imports(module: &Path, text: &str) -> BTreeSet<PathBuf> {
    let statements = text.lines().filter(|line| {
        line.starts_with("import ") || line.starts_with("export ") || line.starts_with("} from ")
    });
    let addresses = statements.filter_map(|line| {
        let (_, rest) = line
            .split_once(" from '")
            .or_else(|| line.split_once("import '"))?;
        Some(rest.split_once('\'')?.0)
    });
    addresses
        .map(|address| {
            let mut path = module.parent().unwrap().to_owned();
            for part in Path::new(address).components() {
                match part {
                    Component::CurDir => {}
                    Component::ParentDir => assert!(path.pop(), "{address}"),
                    part => path.push(part),
                }
            }
            path
        })
        .collect()
}

/// The modules on a circle, in order, where there is one.
fn circle(of: &BTreeMap<PathBuf, BTreeSet<PathBuf>>) -> Option<Vec<PathBuf>> {
    // Takes away what imports nothing that is left; what cannot be taken away stands on a circle or leads to one.
    let mut left = of.clone();
    while let Some(free) = left
        .iter()
        .find(|(_, imported)| !imported.iter().any(|one| left.contains_key(one)))
        .map(|(module, _)| module.clone())
    {
        left.remove(&free);
    }
    let mut way = vec![left.keys().next()?.clone()];
    loop {
        let next = left[way.last()?]
            .iter()
            .find(|one| left.contains_key(*one))?
            .clone();
        if let Some(start) = way.iter().position(|one| *one == next) {
            return Some(way.split_off(start));
        }
        way.push(next);
    }
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let modules = modules();
    let all: BTreeMap<_, _> = modules
        .iter()
        .map(|(module, text)| (module.clone(), imports(module, text)))
        .collect();
    for (module, imported) in &all {
        for one in imported {
            assert!(
                all.contains_key(one),
                "{} imports {}",
                module.display(),
                one.display()
            );
        }
    }
    let count: usize = all.values().map(BTreeSet::len).sum();
    assert!(count > 50, "only {count} imports found");
    assert_eq!(circle(&all), None);

    // The same with one import more.
    let mut round = all;
    let state = Path::new("page/state.js").to_owned();
    round.get_mut(&state).unwrap().insert("page/views/view.js".into());
    assert!(circle(&round).is_some_and(|circle| circle.contains(&state)));
}

#[test]
fn the_client_knows_nothing_of_the_page() {
    for (module, text) in modules() {
        if module.starts_with("client") {
            let foreign = imports(&module, &text)
                .into_iter()
                .find(|one| !one.starts_with("client"));
            assert_eq!(foreign, None, "{}", module.display());
        }
    }
}

#[test]
fn modules_of_the_page_that_act_do_not_draw() {
    let mut acting = 0;
    for (module, text) in modules() {
        let draws = ["page/page.js", "page/views", "page/inputs"];
        if !module.starts_with("page") || draws.iter().any(|one| module.starts_with(one)) {
            continue;
        }
        acting += 1;
        let drawing = imports(&module, &text)
            .into_iter()
            .find(|one| draws.iter().any(|draws| one.starts_with(draws)));
        assert_eq!(drawing, None, "{}", module.display());
        for line in text.lines() {
            // Whether anybody looks is no drawing.
            let touches = line.replace("document.hidden", "").contains("document.");
            assert!(!touches, "{}: {line}", module.display());
        }
    }
    assert!(acting > 10, "{acting} modules");
}

fn text_of(module: &str) -> String {
    std::fs::read_to_string(web().join(module)).unwrap()
}

/// What stands in single quotes after `begin` and before `end`.
fn quoted(text: &str, begin: &str, end: &str) -> Vec<String> {
    let (_, text) = text.split_once(begin).unwrap();
    let (text, _) = text.split_once(end).unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("/"));
    lines
        .flat_map(|line| line.split('\'').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_types_of_the_client_list_the_codes_of_the_server() {
    let types = text_of("client/omnitalk.d.ts");
    let listed = quoted(&types, "type ServerCode =", "';");
    let ours: BTreeSet<&str> = FAULT_CODES.iter().copied().collect();
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), ours);
    let own = quoted(&types, "type ClientCode =", "';");
    assert!(own.len() > 20, "{own:?}");
    for code in &own {
        assert!(!ours.contains(code.as_str()), "{code} means two things");
    }
}

/// The key and the text or name after it on each line of an object.
fn entries(text: &str, begin: &str) -> BTreeMap<String, String> {
    let (_, text) = text.split_once(begin).unwrap();
    let (text, _) = text.split_once("\n};").unwrap();
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with("/"))
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| {
            let bare = |part: &str| part.trim().trim_end_matches(',').trim_matches('\'').to_owned();
            (bare(key), bare(value))
        })
        .collect()
}

#[test]
fn every_code_has_words_on_the_page_in_every_language() {
    let types = text_of("client/omnitalk.d.ts");
    let texts = entries(&text_of("page/words/faults.js"), "const TEXTS = {");
    let (words, more) = (text_of("page/words/i18n.js"), text_of("page/words/recordings.js"));
    for language in ["en", "ko"] {
        let begin = format!("const {language} = {{");
        let mut dictionary = entries(&words, &begin);
        dictionary.extend(entries(&more, &begin));
        for (code, text) in &texts {
            assert!(dictionary.contains_key(text), "{language}: {text} of {code}");
        }
    }
    for list in ["type ServerCode =", "type ClientCode ="] {
        for code in quoted(&types, list, "';") {
            assert!(texts.contains_key(&code), "{code} has no words");
        }
    }
}
