//! The order of the house: arrows point down, and never in a circle. See docs/architecture.md.
//!
//! What is read: paths that begin with `crate::`, `super::` or `self::` in `src/` and `crates/*/src`, the dependencies of
//! the crates on each other, and `import … from` in `web/`. Tests may look at what they like, so they are left out. Longer
//! than other files, for it brings its own small reader of Rust: a parser is a heavy dependency for a look at paths.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of `src/`, from the top down: each may use those below it.
const ORDER: [&str; 17] = [
    "cli",
    "http",
    "provision",
    "gateway",
    "sip",
    "trunks",
    "rooms",
    "recording",
    "media",
    "calls",
    "webhook",
    "access",
    "audit",
    "directory",
    "store",
    "observe",
    "config",
];
/// Tools without a place in the order: all may use them, and they use nothing but each other.
const FLOOR: [&str; 8] = [
    "budget",
    "client",
    "clock",
    "fair",
    "hex",
    "supervise",
    "sync",
    "tls",
];

/// How often a name may be passed on.
const DEPTH: usize = 8;

/// Who uses whom.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_use_only_what_is_below_them() {
    let wrong = wrong_arrows(&top_level(&Source::of(&root().join("src")).graph()));
    assert!(wrong.is_empty(), "arrows that point up:\n{}", wrong.join("\n"));
}

#[test]
fn modules_form_no_circle() {
    none_in(
        "between modules of src/",
        &top_level(&Source::of(&root().join("src")).graph()),
    );
}

#[test]
fn files_of_the_service_form_no_circle() {
    none_in("between files of src/", &Source::of(&root().join("src")).graph());
}

#[test]
fn files_of_a_crate_form_no_circle() {
    let mut all = Graph::new();
    for krate in crates() {
        let name = krate.file_name().unwrap().to_string_lossy().into_owned();
        for (from, to) in Source::of(&krate.join("src")).graph() {
            let to = to.into_iter().map(|to| format!("{name}: {to}")).collect();
            all.insert(format!("{name}: {from}"), to);
        }
    }
    none_in("between files of crates/", &all);
}

#[test]
fn crates_form_no_circle_and_none_needs_the_service() {
    let mut graph = Graph::new();
    for krate in crates() {
        let manifest = fs::read_to_string(krate.join("Cargo.toml")).unwrap();
        let ours = manifest.lines().filter_map(|line| line.strip_prefix("omnigate"));
        let needs = ours.map(|rest| {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '-')
                .collect();
            assert!(name.starts_with('-'), "{krate:?} needs the service");
            name[1..].to_owned()
        });
        graph.insert(
            krate.file_name().unwrap().to_string_lossy().into_owned(),
            needs.collect(),
        );
    }
    none_in("between crates", &graph);
}

#[test]
fn every_file_is_part_of_a_module() {
    let folders = crates()
        .into_iter()
        .chain([root()])
        .map(|krate| krate.join("src"));
    for path in folders.flat_map(|src| files(&src, &["rs"])) {
        let (folder, stem) = (
            path.parent().unwrap(),
            path.file_stem().unwrap().to_str().unwrap(),
        );
        if ["lib", "main"].contains(&stem) {
            continue;
        }
        let (folder, name) = match stem {
            "mod" => (
                folder.parent().unwrap(),
                folder.file_name().unwrap().to_str().unwrap(),
            ),
            _ => (folder, stem),
        };
        let beside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let above = [folder.with_extension("rs")]
            .into_iter()
            .filter(|path| path.is_file());
        let named = beside.filter(|path| path.is_file()).chain(above).any(|path| {
            let text = fs::read_to_string(path).unwrap();
            text.contains(&format!("mod {name};")) || text.contains(&format!("#[path = \"{name}.rs\"]"))
        });
        assert!(named, "no module has {}", path.display());
    }
}

#[test]
fn files_of_the_page_and_its_client_form_no_circle() {
    let web = root().join("web");
    let mut graph = Graph::new();
    for path in files(&web, &["js", "mjs", "ts"]) {
        let from = path.strip_prefix(&web).unwrap().display().to_string();
        let to = imports(&fs::read_to_string(&path).unwrap());
        let here = path.parent().unwrap();
        let to = to
            .iter()
            .filter(|to| to.starts_with('.'))
            .map(|to| plain(&here.join(to)));
        let to = to.filter_map(|to| Some(to.strip_prefix(&web).ok()?.display().to_string()));
        graph.insert(from, to.collect());
    }
    assert!(graph.values().any(|to| !to.is_empty()), "nothing is imported");
    none_in("between files of web/", &graph);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn crates() -> Vec<PathBuf> {
    let all = fs::read_dir(root().join("crates")).unwrap();
    let mut all: Vec<PathBuf> = all
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("src").is_dir())
        .collect();
    all.sort();
    all
}

/// Files with one of these endings, in the folder and below.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            all.extend(files(&path, endings));
        } else if endings.contains(&ending) {
            all.push(path);
        }
    }
    all.sort();
    all
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    use std::path::Component::{CurDir, ParentDir};
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            CurDir => {}
            ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// What follows `from` in imports and exports, and `import` alone.
fn imports(script: &str) -> Vec<String> {
    let words = [
        "from \"",
        "from '",
        "import \"",
        "import '",
        "import(\"",
        "import('",
    ];
    let mut all = Vec::new();
    for line in script
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']))
    {
        for word in words {
            if let Some(at) = line.find(word) {
                let rest = &line[at + word.len()..];
                all.extend(rest.split(['"', '\'']).next().map(str::to_owned));
            }
        }
    }
    all
}

// Circles.

/// Fails on every circle, and shows one way round each.
fn none_in(what: &str, graph: &Graph) {
    let circles = circles(graph);
    assert!(
        circles.is_empty(),
        "{} circles {what}:\n{}",
        circles.len(),
        circles.join("\n")
    );
}

/// Those that reach each other, a line a group, with a short way round.
fn circles(graph: &Graph) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for start in graph.keys() {
        if told.contains(start) {
            continue;
        }
        let Some(way) = way_back(graph, start) else {
            continue;
        };
        let group: Vec<&String> = graph
            .keys()
            .filter(|other| reaches(graph, start, other) && reaches(graph, other, start))
            .collect();
        told.extend(group.iter().map(|one| (*one).clone()));
        let names: Vec<&str> = group
            .iter()
            .map(|name| if name.is_empty() { "lib" } else { name.as_str() })
            .collect();
        circles.push(format!(
            "  {} (of {}: {})",
            way.join(" → "),
            names.len(),
            names.join(", ")
        ));
    }
    circles
}

fn reaches(graph: &Graph, from: &str, to: &str) -> bool {
    way(graph, from, to).is_some()
}

fn way_back(graph: &Graph, start: &str) -> Option<Vec<String>> {
    way(graph, start, start)
}

/// The shortest way of at least one step.
fn way(graph: &Graph, from: &str, to: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = std::collections::VecDeque::from([from]);
    while let Some(here) = next.pop_front() {
        for there in graph.get(here).into_iter().flatten() {
            if before.contains_key(there.as_str()) {
                continue;
            }
            before.insert(there, here);
            if there == to {
                let mut way = vec![to.to_owned(), here.to_owned()];
                let mut at = here;
                while at != from {
                    at = before[at];
                    way.push(at.to_owned());
                }
                way.reverse();
                return Some(way);
            }
            next.push_back(there);
        }
    }
    None
}

/// Files to the modules of the first level that they belong to. `lib.rs` and `main.rs` stand above all.
fn top_level(files: &Graph) -> Graph {
    let top = |file: &str| file.split("::").next().unwrap_or_default().to_owned();
    let mut graph = Graph::new();
    for (from, to) in files.iter().filter(|(from, _)| !from.is_empty()) {
        let from = top(from);
        let to = to
            .iter()
            .map(|to| top(to))
            .filter(|to| *to != from && !to.is_empty());
        graph
            .entry(from.clone())
            .or_default()
            .extend(to.collect::<Vec<_>>());
    }
    graph
}

fn wrong_arrows(graph: &Graph) -> Vec<String> {
    let place = |module: &str| ORDER.iter().position(|one| *one == module);
    let mut wrong = Vec::new();
    for (from, all) in graph {
        let floor = FLOOR.contains(&from.as_str());
        if place(from).is_none() && !floor {
            wrong.push(format!("  {from} has no place in the order"));
            continue;
        }
        for to in all {
            let down = match (place(from), place(to)) {
                (Some(from), Some(to)) => from < to,
                (Some(_), None) => FLOOR.contains(&to.as_str()) || !graph.contains_key(to),
                (None, _) => FLOOR.contains(&to.as_str()),
            };
            if !down {
                wrong.push(format!("  {from} → {to}"));
            }
        }
    }
    wrong
}

// Rust.

/// The files of a crate, by the path of their module: `""` is the root, `media::shard` a file.
struct Source {
    modules: BTreeMap<String, Module>,
}

struct Module {
    text: String,
    /// What other names stand for: from `use`, whoever may see it.
    names: BTreeMap<String, Vec<String>>,
    /// Modules of which everything is passed on.
    globs: Vec<Vec<String>>,
    /// Paths that this module itself uses; those that it only passes on are not among them.
    uses: Vec<Vec<String>>,
}

impl Source {
    fn of(folder: &Path) -> Source {
        let mut modules = BTreeMap::new();
        for path in files(folder, &["rs"]) {
            let name = module_name(path.strip_prefix(folder).unwrap());
            if name == "main" {
                continue;
            }
            let text = without_tests(&code(&fs::read_to_string(&path).unwrap()));
            modules.insert(name, text);
        }
        // A module that is declared for tests only is one.
        let tests: BTreeSet<String> = modules
            .iter()
            .flat_map(|(name, (_, tests))| tests.iter().map(move |test| child(name, test)))
            .collect();
        modules.retain(|name, _| {
            !tests
                .iter()
                .any(|test| name == test || name.starts_with(&format!("{test}::")))
        });
        let modules = modules.into_iter().map(|(name, (text, _))| {
            let module = Module::read(&name, text);
            (name, module)
        });
        Source {
            modules: modules.collect(),
        }
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (name, module) in &self.modules {
            let mut to = BTreeSet::new();
            for path in &module.uses {
                to.extend(self.file_of(path, 0));
            }
            // A child that the text names by itself, as `child::function()`.
            for (other, _) in self
                .modules
                .iter()
                .filter(|(other, _)| parent(other) == Some(name.as_str()))
            {
                let last = other.rsplit("::").next().unwrap_or_default();
                if names_directly(&module.text, last) {
                    to.insert(other.clone());
                }
            }
            to.remove(name);
            graph.insert(name.clone(), to);
        }
        graph
    }

    /// The file that holds what a path names, through what modules pass on.
    fn file_of(&self, path: &[String], depth: usize) -> Option<String> {
        if depth > DEPTH {
            return None;
        }
        let mut here = String::new();
        for (i, part) in path.iter().enumerate() {
            let below = child(&here, part);
            if self.modules.contains_key(&below) {
                here = below;
                continue;
            }
            let module = self.modules.get(&here)?;
            let rest = &path[i + 1..];
            if let Some(target) = module.names.get(part) {
                return self.file_of(&[target, rest].concat(), depth + 1);
            }
            for glob in &module.globs {
                let file = self.file_of(glob, depth + 1)?;
                if file != here && defines(&self.modules[&file].text, part) {
                    return Some(file);
                }
            }
            return Some(here);
        }
        Some(here)
    }
}

fn child(module: &str, name: &str) -> String {
    if module.is_empty() {
        name.to_owned()
    } else {
        format!("{module}::{name}")
    }
}

fn parent(module: &str) -> Option<&str> {
    match module.rsplit_once("::") {
        Some((parent, _)) => Some(parent),
        None => (!module.is_empty()).then_some(""),
    }
}

/// `media/mod.rs` to `media`, `lib.rs` to nothing.
fn module_name(path: &Path) -> String {
    let path = path.with_extension("");
    let parts: Vec<String> = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let parts = parts.into_iter().filter(|part| part != "mod" && part != "lib");
    parts.collect::<Vec<_>>().join("::")
}

impl Module {
    fn read(name: &str, text: String) -> Module {
        let (mut names, mut globs, mut uses) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut rest = String::new();
        for statement in statements(&text) {
            let Some((before, public, tree)) = use_tree(statement) else {
                rest.push_str(statement);
                rest.push(';');
                continue;
            };
            rest.push_str(before);
            rest.push(';');
            for (path, alias) in expand(tree) {
                let Some(path) = absolute(name, &path) else {
                    continue;
                };
                if path.last().is_some_and(|last| last == "*") {
                    globs.push(path[..path.len() - 1].to_vec());
                } else {
                    names.insert(alias, path.clone());
                }
                // What is passed on from a child is no use of the child.
                let own: Vec<&str> = name.split("::").filter(|part| !part.is_empty()).collect();
                let of_child = path.len() > own.len() && path.iter().zip(&own).all(|(a, b)| a == b);
                if !(public && of_child) {
                    uses.push(path);
                }
            }
        }
        uses.extend(paths(&rest).iter().filter_map(|path| absolute(name, path)));
        Module {
            text: rest,
            names,
            globs,
            uses,
        }
    }
}

/// A path from the root of the crate; `None` when it is none.
fn absolute(module: &str, path: &[String]) -> Option<Vec<String>> {
    let mut base: Vec<String> = module
        .split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate") => {
            base.clear();
            rest = &path[1..];
        }
        Some("self") => rest = &path[1..],
        Some("super") => {
            while let Some("super") = rest.first().map(String::as_str) {
                base.pop();
                rest = &rest[1..];
            }
        }
        // A child; or another crate, which then is taken for something of this very module.
        _ => {}
    }
    let rest = rest.iter().filter(|part| *part != "self").cloned();
    Some(base.into_iter().chain(rest).collect())
}

/// What stands before a `use` that ends a statement, whether others may see it, and its tree.
fn use_tree(statement: &str) -> Option<(&str, bool, &str)> {
    let tree_only = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c);
    let (at, _) = statement.rmatch_indices("use ").find(|(at, _)| {
        let before = statement[..*at].chars().next_back();
        before.is_none_or(char::is_whitespace)
    })?;
    let (before, tree) = (statement[..at].trim_end(), &statement[at + 4..]);
    if tree.trim().is_empty() || !tree.chars().all(tree_only) {
        return None;
    }
    let restricted = before
        .strip_suffix(')')
        .and_then(|before| before.rsplit_once("pub("));
    let public = before.ends_with("pub") || restricted.is_some_and(|(_, to)| !to.contains([')', '}']));
    Some((before, public, tree))
}

/// `a::{b, c as d}` to `a::b` known as `b`, `a::c` known as `d`.
fn expand(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let (path, alias) = match tree.split_once(" as ") {
            Some((path, alias)) => (path, Some(alias.trim().to_owned())),
            None => (tree, None),
        };
        let path: Vec<String> = path
            .split("::")
            .map(|part| part.trim().to_owned())
            .filter(|p| !p.is_empty())
            .collect();
        let last = path
            .iter()
            .rev()
            .find(|part| *part != "self")
            .cloned()
            .unwrap_or_default();
        return vec![(path, alias.unwrap_or(last))];
    };
    let before: Vec<String> = tree[..open]
        .split("::")
        .map(|part| part.trim().to_owned())
        .filter(|p| !p.is_empty())
        .collect();
    let inner = tree[open + 1..]
        .trim_end()
        .strip_suffix('}')
        .unwrap_or(&tree[open + 1..]);
    let mut all = Vec::new();
    for part in split_outside(inner, ',') {
        for (path, alias) in expand(part) {
            if !path.is_empty() {
                let alias = if path == ["self"] {
                    before.last().cloned().unwrap_or_default()
                } else {
                    alias
                };
                all.push(([before.clone(), path].concat(), alias));
            }
        }
    }
    all
}

/// Parts between separators that stand in no braces.
fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0i32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            c if c == separator && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// What stands between semicolons, wherever.
fn statements(text: &str) -> Vec<&str> {
    text.split(';').collect()
}

/// Paths in code that begin at the root, here, or above.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    // `pub(in crate::store)` says who may see, and uses nothing.
    let mut parts = text.split("pub(in ");
    let first = parts.next().unwrap_or_default();
    let others = parts.map(|part| part.split_once(')').map_or(part, |(_, after)| after));
    let text = [first, &others.collect::<Vec<_>>().join(" ")].concat();
    for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let parts: Vec<String> = word
            .split("::")
            .map(str::to_owned)
            .filter(|part| !part.is_empty())
            .collect();
        let rooted = matches!(
            parts.first().map(String::as_str),
            Some("crate" | "super" | "self")
        );
        if rooted && parts.len() > 1 {
            all.push(parts);
        }
    }
    all
}

/// Whether the text uses a child by its name.
fn names_directly(text: &str, child: &str) -> bool {
    let pattern = format!("{child}::");
    text.match_indices(&pattern).any(|(at, _)| {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        !(before.is_alphanumeric() || before == '_' || before == ':')
    })
}

fn defines(text: &str, name: &str) -> bool {
    let kinds = [
        "struct", "enum", "trait", "fn", "const", "static", "type", "union",
    ];
    kinds.iter().any(|kind| {
        let pattern = format!("{kind} {name}");
        text.match_indices(&pattern).any(|(at, found)| {
            !text[at + found.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}

/// Without comments, and with empty strings.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            end_of_string(rest)
        } else {
            end_of_char(rest).unwrap_or_default()
        };
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Of a character as `'{'` or `'\n'`; a lifetime is none.
fn end_of_char(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    if first == '\\' {
        return inner[1..]
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '\'')
            .map(|(at, _)| at + 3);
    }
    inner[first.len_utf8()..]
        .starts_with('\'')
        .then(|| first.len_utf8() + 2)
}

/// Without modules that are for tests, and the names of those that are files.
fn without_tests(text: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut files, mut rest) = (String::new(), Vec::new(), text);
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        rest = &rest[at + MARK.len()..];
        let head = &rest[..rest.find(['{', ';']).unwrap_or(rest.len())];
        if rest[head.len()..].starts_with('{') {
            rest = &rest[head.len() + end_of_block(&rest[head.len()..])..];
        } else {
            let name = head
                .trim()
                .rsplit_once("mod ")
                .map(|(_, name)| name.trim().to_owned());
            files.extend(name);
            rest = &rest[(head.len() + 1).min(rest.len())..];
        }
    }
    kept.push_str(rest);
    (kept, files)
}

fn end_of_block(text: &str) -> usize {
    let mut depth = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

// The reader itself.

#[test]
fn a_use_is_read_with_groups_names_and_what_is_passed_on() {
    let all = expand("crate::{a::{self, B as C}, d}");
    let text: Vec<String> = all
        .iter()
        .map(|(path, alias)| format!("{} {alias}", path.join("::")))
        .collect();
    assert_eq!(text, ["crate::a::self a", "crate::a::B C", "crate::d d"]);
    let tree = |text| use_tree(text).map(|(_, public, tree)| (public, tree));
    assert_eq!(
        tree("\n#[rustfmt::skip]\npub(super) use a::B"),
        Some((true, "a::B"))
    );
    assert_eq!(tree("fn f() { g() }\nuse a::{B, C}"), Some((false, "a::{B, C}")));
    assert_eq!(tree("let used = 1"), None);
    assert_eq!(tree("return use_it(1)"), None);
}

#[test]
fn paths_in_code_are_read_and_those_that_say_who_may_see_are_not() {
    let found = paths("fn f(a: crate::a::B) { super::c::d() } pub(in crate::e) struct F(crate::g::H);");
    let text: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(text, ["crate::a::B", "super::c::d", "crate::g::H"]);
}

#[test]
fn comments_strings_and_tests_are_not_read() {
    let text = "use crate::a; // crate::b\nlet x = \"crate::c\"; let c = '\"';\n#[cfg(test)]\nmod tests { use crate::d; }\n\
                #[cfg(test)]\nmod more;\nuse crate::e;";
    let (kept, files) = without_tests(&code(text));
    for (word, there) in [
        ("crate::a", true),
        ("crate::b", false),
        ("crate::c", false),
        ("crate::d", false),
        ("crate::e", true),
    ] {
        assert_eq!(kept.contains(word), there, "{word} in {kept}");
    }
    assert_eq!(files, ["more"]);
}

#[test]
fn a_circle_is_found_and_a_parent_that_passes_on_is_none() {
    let module = |name: &str, text: &str| (name.to_owned(), Module::read(name, text.to_owned()));
    let modules = [
        module("a", "mod b; mod c; pub use b::B;"),
        module("a::b", "use super::c::C; pub struct B;"),
        module("a::c", "pub struct C;"),
    ];
    let mut source = Source {
        modules: modules.into(),
    };
    assert_eq!(circles(&source.graph()), Vec::<String>::new());
    source
        .modules
        .extend([module("a::c", "use super::B; pub struct C;")]);
    assert_eq!(circles(&source.graph()).len(), 1);
    assert!(circles(&source.graph())[0].contains("a::b → a::c → a::b"));
    // A parent that uses its child, which uses its parent.
    let modules = [
        module("a", "mod b; use b::B; pub struct A(B);"),
        module("a::b", "pub struct B(super::A);"),
    ];
    assert_eq!(
        circles(
            &Source {
                modules: modules.into()
            }
            .graph()
        )
        .len(),
        1
    );
}

#[test]
fn an_arrow_that_points_up_and_a_module_without_a_place_are_told() {
    let graph = |all: &[(&str, &str)]| -> Graph {
        let mut graph = Graph::new();
        for (from, to) in all {
            graph
                .entry((*from).to_owned())
                .or_default()
                .insert((*to).to_owned());
            graph.entry((*to).to_owned()).or_default();
        }
        graph
    };
    assert!(wrong_arrows(&graph(&[("cli", "media"), ("media", "clock")])).is_empty());
    assert_eq!(wrong_arrows(&graph(&[("media", "cli")])), ["  media → cli"]);
    assert_eq!(wrong_arrows(&graph(&[("clock", "media")])), ["  clock → media"]);
    assert_eq!(wrong_arrows(&graph(&[("cellar", "clock")])).len(), 1);
}

#[test]
fn imports_of_scripts_are_read() {
    let script =
        "import {\n  a,\n} from \"./a.js\";\n// from \"./no.js\"\nexport * from './b.js';\nimport './c.js';";
    assert_eq!(imports(script), ["./a.js", "./b.js", "./c.js"]);
    assert_eq!(
        plain(Path::new("/web/page/../client/./x.js")),
        Path::new("/web/client/x.js")
    );
}
