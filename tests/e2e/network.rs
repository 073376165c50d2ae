//! A network of a test's own, in which it may filter packets: nothing else sees its rules, and they end with it.

use std::process::Command;

/// Set in the copy of the test binary that is inside.
const INSIDE: &str = "OMNIGATE_E2E_NETWORK";

/// True inside. Outside it runs this one test again in a network namespace that has a loopback interface only, and is
/// false when that has passed.
pub fn is_own(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    // Where iptables is, also for those who are not root.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    // A user namespace as well, so that it needs no root.
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--kill-child", "--"])
        .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs([(INSIDE, "1"), ("PATH", &path)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Ports that sockets without a wish of their own get.
pub fn give_out_ports(range: &str) {
    std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", range).unwrap();
}

/// Drops what `rule` says, as words of iptables.
pub fn drop_packets(rule: &str) {
    let rule = rule.split(' ');
    iptables(
        &["-A", "OUTPUT"]
            .into_iter()
            .chain(rule)
            .chain(["-j", "DROP"])
            .collect::<Vec<_>>(),
    );
}

/// How many packets each rule has dropped.
pub fn dropped() -> Vec<u64> {
    let table = iptables(&["-nvxL", "OUTPUT"]);
    let rules = table.lines().skip(2);
    rules
        .map(|rule| rule.split_whitespace().next().unwrap().parse().unwrap())
        .collect()
}

fn iptables(arguments: &[&str]) -> String {
    let output = Command::new("iptables")
        .args(arguments)
        // Root of the user namespace may not write the system's lock.
        .env("XTABLES_LOCKFILE", "/dev/null")
        .output()
        .expect("iptables; scripts/test installs it");
    assert!(
        output.status.success(),
        "iptables {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
