use super::*;
use crate::provision::items::Items;
use crate::provision::plan::Plan;

fn entry(value: Value) -> Entry {
    value.as_object().cloned().unwrap()
}

fn item(written: Value) -> Item {
    Item {
        written: entry(written),
        keys: vec![keys::new().1],
        created_at: 0,
        changed_at: 0,
    }
}

fn items(all: &[(Kind, Value)]) -> Items {
    let named = |(kind, written): &(Kind, Value)| {
        let name = written[kind.name_key()].as_str().unwrap().to_owned();
        ((*kind, name), item(written.clone()))
    };
    all.iter().map(named).collect()
}

fn plan(toml: &str, all: &[(Kind, Value)]) -> Plan {
    let file = std::env::temp_dir().join(format!(
        "omnigate-plan-{}-{}",
        std::process::id(),
        rand::random::<u64>()
    ));
    std::fs::write(&file, toml).unwrap();
    let written = Written::load(Some(&file)).unwrap();
    std::fs::remove_file(file).unwrap();
    Plan::of(written, Some(items(all)), None).unwrap()
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.settings.service.iter().map(|one| one.id.as_str()).collect()
}

#[test]
fn what_does_not_fit_any_more_is_left_out_and_nothing_else() {
    let made = [
        (Kind::Service, json!({ "id": "shop" })),
        (Kind::Service, json!({ "id": "bank", "quota": { "rooms": 0 } })),
        (Kind::Trunk, json!({ "name": "kt", "profile": "gone" })),
        (Kind::Trunk, json!({ "name": "lg", "service": "shop" })),
    ];
    let before = plan("", &made);
    assert_eq!(ids(&before), ["demo", "shop"]);
    let trunks: Vec<&str> = before
        .settings
        .trunk
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(trunks, ["local", "lg"]);
    let left_out: Vec<String> = before
        .left_out
        .iter()
        .map(|((_, name), faults)| format!("{name}: {}", faults[0]))
        .collect();
    assert!(
        left_out[0].starts_with("bank: quota.rooms: 0 is not within"),
        "{left_out:?}"
    );
    assert!(
        left_out[1].starts_with("kt: profile: `gone` is no [[profile]]"),
        "{left_out:?}"
    );
    assert_eq!(before.keys.keys().collect::<Vec<_>>(), ["shop"]);

    // The file takes the name: the file is right, and what leans on it goes on.
    let after = plan("[[service]]\nid = \"shop\"\nkey = \"k\"\n", &made);
    assert_eq!(ids(&after), ["shop"]);
    assert!(after.left_out.contains_key(&(Kind::Service, "shop".to_owned())));
    assert!(!after.left_out.contains_key(&(Kind::Trunk, "lg".to_owned())));
    assert!(after.keys.is_empty(), "the key is the file's");
    assert!(after.services()[0].keys[0].takes("k", 0));
}

#[test]
fn what_is_not_a_service_or_a_trunk_is_as_it_was_at_the_start() {
    let before = plan("[ivr]\ntries = 2\n", &[]);
    let written = plan("[ivr]\ntries = 4\n[[service]]\nid = \"own\"\n", &[]).written;
    let after = Plan::of(written.clone(), None, Some(&before.settings)).unwrap();
    assert_eq!((after.settings.ivr.tries, ids(&after)), (2, vec!["own"]));
    assert_eq!(before.settings.differences(&written.examine().0), ["ivr.tries"]);
    let secret = plan("[turn]\nsecret = \"one\"\n", &[]);
    let other = plan("[turn]\nsecret = \"two\"\n", &[]);
    assert_eq!(secret.settings.differences(&other.settings), ["turn"]);
    assert!(secret.settings.differences(&secret.settings).is_empty());
}

#[test]
fn what_has_changed_is_named() {
    let before = plan(
        "",
        &[
            (Kind::Service, json!({ "id": "a" })),
            (Kind::Service, json!({ "id": "b" })),
        ],
    );
    let after = plan(
        "",
        &[
            (Kind::Service, json!({ "id": "b", "calls": 1 })),
            (Kind::Trunk, json!({ "name": "c" })),
        ],
    );
    let all: Vec<String> = changes(&before, &after)
        .iter()
        .map(|(kind, what, name)| format!("{} {name} {what}", kind.word()))
        .collect();
    assert_eq!(
        all,
        ["service a is gone", "service b has changed", "trunk c is new"]
    );
}

#[test]
fn a_patch_changes_what_it_names_and_null_takes_it_away() {
    let mut target = entry(json!({ "quota": { "rooms": 1, "calls": 2 }, "record": "all", "password": "x" }));
    merge(
        &mut target,
        entry(json!({
            "quota": { "rooms": null, "numbers": 3 }, "record": null, "password": { "file": "/x" }, "webhook": { "url": "u" },
        })),
    );
    let wanted = json!({
        "quota": { "calls": 2, "numbers": 3 }, "password": { "file": "/x" }, "webhook": { "url": "u" },
    });
    assert_eq!(Value::Object(target.clone()), wanted);
    // One secret takes the place of the other, not of its half.
    merge(&mut target, entry(json!({ "password": { "env": "Y" } })));
    assert_eq!(target["password"], json!({ "env": "Y" }));
}

#[test]
fn names_stand_in_paths_and_figures_as_they_are() {
    let name = |text: &str| name_of(Kind::Service, &entry(json!({ "id": text })));
    for good in ["shop", "S.AB-12_3", &"x".repeat(64)] {
        assert_eq!(name(good).unwrap(), good);
    }
    for bad in ["", "a b", "a/b", "../a", ".", "가", "a\"b", &"x".repeat(65)] {
        assert!(name(bad).is_err(), "{bad}");
    }
}
