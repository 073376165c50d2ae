//! The metrics page: whoever owns figures writes them here.

use std::fmt::Write;

/// What ends a page in the OpenMetrics format.
const END: &str = "# EOF\n";

/// A page in the OpenMetrics text format. All names begin with `omnigate_`.
#[derive(Debug)]
pub struct Page(String);

impl Page {
    /// A page that begins with these families.
    pub(super) fn new(mut text: String) -> Page {
        let end = text.strip_suffix(END).map_or(text.len(), str::len);
        text.truncate(end);
        Page(text)
    }

    /// A counter; its sample's name ends in `_total`.
    pub fn counter(&mut self, name: &str, value: u64, help: &str) {
        self.family(name, "counter", "_total", value, help);
    }

    /// A gauge.
    pub fn gauge(&mut self, name: &str, value: u64, help: &str) {
        self.family(name, "gauge", "", value, help);
    }

    /// Gauges that labels tell apart; their values are quoted as the format wants it.
    pub fn gauges<const N: usize>(
        &mut self,
        name: &str,
        samples: impl IntoIterator<Item = ([(&'static str, String); N], u64)>,
        help: &str,
    ) {
        let _ = writeln!(
            self.0,
            "# HELP omnigate_{name} {help}.\n# TYPE omnigate_{name} gauge"
        );
        for (labels, value) in samples {
            let quoted = |value: &str| {
                value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n")
            };
            let labels = labels.map(|(label, value)| format!("{label}=\"{}\"", quoted(&value)));
            let _ = writeln!(self.0, "omnigate_{name}{{{}}} {value}", labels.join(","));
        }
    }

    /// A histogram in seconds: how many samples were at most each bound, how many there were, and their sum.
    pub fn histogram(
        &mut self,
        name: &str,
        buckets: impl IntoIterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
        help: &str,
    ) {
        let name = format!("omnigate_{name}");
        let _ = writeln!(self.0, "# HELP {name} {help}.\n# TYPE {name} histogram");
        for (bound, count) in buckets {
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(
            self.0,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}"
        );
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.0.push_str(END);
        self.0
    }

    fn family(&mut self, name: &str, kind: &str, suffix: &str, value: u64, help: &str) {
        let _ = writeln!(
            self.0,
            "# HELP omnigate_{name} {help}.\n# TYPE omnigate_{name} {kind}\nomnigate_{name}{suffix} {value}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_families_and_one_end() {
        let mut page = Page::new("# first\n# EOF\n".to_owned());
        page.counter("calls", 2, "Calls");
        page.gauge("legs", 1, "Legs");
        page.histogram("late_seconds", [(0.001, 3)], 4, 0.5, "Late");
        page.gauges("quota", [([("service", "a\"b".to_owned())], 5)], "Quota");
        let text = page.finish();
        assert!(
            text.contains("\nomnigate_quota{service=\"a\\\"b\"} 5\n"),
            "{text}"
        );
        assert!(text.starts_with("# first\n"));
        assert!(text.contains("\nomnigate_calls_total 2\n") && text.contains("\nomnigate_legs 1\n"));
        assert!(text.contains("omnigate_late_seconds_bucket{le=\"0.001\"} 3\n"));
        assert_eq!(text.matches("# EOF\n").count(), 1);
    }
}
