//! How late packets come: the statistic that decides how much a jitter buffer holds.
//!
//! The lateness of a packet is its arrival minus its media time, less the minimum of that over the last 2 s; the
//! sliding minimum absorbs the difference of the two clocks and changes of route. All times are microseconds.

/// Buckets of the histogram: 5 ms each up to 100 ms, 20 ms each above.
const BUCKETS: usize = 100;
const FINE_US: i64 = 5_000;
const FINE_BUCKETS: usize = 20;
const COARSE_US: i64 = 20_000;
/// Share of the packets that shall be in time (libwebrtc: 0.97).
const QUANTILE: f32 = 0.97;
/// What one packet leaves of the older ones' weight (libwebrtc: 32 745 / 32 768): a memory of about 1 400 packets.
const FORGET: f32 = 0.9993;

/// The sliding minimum covers 8 spans of 250 ms before the current one.
const SPAN_US: i64 = 250_000;
const SPANS: usize = 9;

/// The drift is the slope of the minimum over the last 60 samples, one a second.
const TREND_STEP_US: i64 = 1_000_000;
const TREND_SAMPLES: usize = 60;
const MIN_TREND_SAMPLES: usize = 30;
/// No clock is worse than this, parts per million.
const MAX_DRIFT_PPM: f64 = 300.0;

/// Lateness of one stream's packets.
#[derive(Debug, Clone)]
pub(crate) struct DelayStatistic {
    histogram: [f32; BUCKETS],
    packets: u32,
    /// Upper edge of the bucket of the quantile.
    quantile_us: i64,
    spans: [Option<(i64, i64)>; SPANS],
    base_us: Option<i64>,
    trend: [(i64, i64); TREND_SAMPLES],
    trend_count: usize,
    trend_at_us: Option<i64>,
}

impl DelayStatistic {
    pub(crate) const fn new() -> Self {
        Self {
            histogram: [0.0; BUCKETS],
            packets: 0,
            quantile_us: FINE_US,
            spans: [None; SPANS],
            base_us: None,
            trend: [(0, 0); TREND_SAMPLES],
            trend_count: 0,
            trend_at_us: None,
        }
    }

    /// Begins a new time line; what is known of the network's jitter stays.
    pub(crate) fn restart(&mut self) {
        self.spans = [None; SPANS];
        self.base_us = None;
        self.trend_count = 0;
        self.trend_at_us = None;
    }

    /// Arrival minus media time of a packet that would be exactly in time, if a packet has come.
    pub(crate) fn base_us(&self) -> Option<i64> {
        self.base_us
    }

    /// Takes a packet; only those that `counts` shape the histogram. Returns its lateness.
    pub(crate) fn observe(&mut self, arrival_us: i64, media_us: i64, counts: bool) -> i64 {
        let offset = arrival_us.saturating_sub(media_us);
        let base = self.slide(arrival_us, offset);
        let late = offset.saturating_sub(base).max(0);
        if counts {
            self.count(late);
        }
        if self.trend_at_us.is_none_or(|at| arrival_us - at >= TREND_STEP_US) {
            self.trend_at_us = Some(arrival_us);
            self.trend[self.trend_count % TREND_SAMPLES] = (arrival_us, base);
            self.trend_count += 1;
        }
        late
    }

    fn slide(&mut self, arrival_us: i64, offset: i64) -> i64 {
        let span = arrival_us.div_euclid(SPAN_US);
        let slot = &mut self.spans[span.rem_euclid(SPANS as i64) as usize];
        *slot = match *slot {
            Some((number, least)) if number == span => Some((span, least.min(offset))),
            _ => Some((span, offset)),
        };
        let oldest = span - SPANS as i64 + 1;
        let recent = self
            .spans
            .iter()
            .flatten()
            .filter(|(number, _)| *number >= oldest);
        let base = recent.map(|&(_, least)| least).min().unwrap_or(offset);
        self.base_us = Some(base);
        base
    }

    fn count(&mut self, late_us: i64) {
        let bucket = if late_us < FINE_US * FINE_BUCKETS as i64 {
            late_us / FINE_US
        } else {
            FINE_BUCKETS as i64 + (late_us - FINE_US * FINE_BUCKETS as i64) / COARSE_US
        };
        let bucket = (bucket.max(0) as usize).min(BUCKETS - 1);
        self.packets = self.packets.saturating_add(1);
        // A quick start: the first packets weigh as in a plain mean, with some preference for the newer ones.
        let weight = (2.0 / (self.packets as f32 + 1.0)).max(1.0 - FORGET);
        for share in &mut self.histogram {
            *share *= 1.0 - weight;
        }
        self.histogram[bucket] += weight;
        let mut sum = 0.0;
        let quantile = self.histogram.iter().position(|share| {
            sum += share;
            sum >= QUANTILE
        });
        self.quantile_us = upper_edge_us(quantile.unwrap_or(BUCKETS - 1));
    }

    /// The lateness that 97 % of the packets do not exceed.
    pub(crate) fn quantile_us(&self) -> i64 {
        self.quantile_us
    }

    /// How much faster the far end's clock runs than ours, parts per million; `None` for the first 30 s.
    pub(crate) fn drift_ppm(&self) -> Option<f64> {
        let count = self.trend_count.min(TREND_SAMPLES);
        if count < MIN_TREND_SAMPLES {
            return None;
        }
        let samples = &self.trend[..count];
        let (x0, y0) = samples[0];
        let points = || samples.iter().map(|&(x, y)| ((x - x0) as f64, (y - y0) as f64));
        let n = count as f64;
        let (sum_x, sum_y) = points().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
        let (mean_x, mean_y) = (sum_x / n, sum_y / n);
        let (cross, square) = points().fold((0.0, 0.0), |sum, (x, y)| {
            (sum.0 + (x - mean_x) * (y - mean_y), sum.1 + (x - mean_x).powi(2))
        });
        // A faster clock there makes packets come earlier and earlier.
        (square > 0.0).then(|| (-cross / square * 1e6).clamp(-MAX_DRIFT_PPM, MAX_DRIFT_PPM))
    }
}

fn upper_edge_us(bucket: usize) -> i64 {
    let bucket = bucket as i64 + 1;
    let fine = FINE_BUCKETS as i64;
    if bucket <= fine {
        bucket * FINE_US
    } else {
        fine * FINE_US + (bucket - fine) * COARSE_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_of_even_jitter_is_its_upper_end_and_of_none_the_first_bucket() {
        let mut none = DelayStatistic::new();
        let mut even = DelayStatistic::new();
        for i in 0..2_000i64 {
            none.observe(i * 20_000 + 77_000, i * 20_000, true);
            even.observe(i * 20_000 + i * 7_919 % 60_000, i * 20_000, true);
        }
        assert_eq!(none.quantile_us(), 5_000);
        assert_eq!(even.quantile_us(), 60_000);
    }

    #[test]
    fn a_longer_route_is_lateness_for_two_seconds_only() {
        let mut delay = DelayStatistic::new();
        for i in 0..500i64 {
            let route = if i < 200 { 30_000 } else { 80_000 };
            let late = delay.observe(i * 20_000 + route, i * 20_000, true);
            let expected = if (200..300).contains(&i) { 50_000 } else { 0 };
            if !(300..315).contains(&i) {
                assert_eq!(late, expected, "packet {i}");
            }
        }
    }

    #[test]
    fn the_drift_is_that_of_the_clocks_with_jitter_too() {
        for ppm in [-100i64, -50, 0, 100] {
            let mut delay = DelayStatistic::new();
            for i in 0..6_000i64 {
                let jitter = i * 7_919 % 10_000;
                delay.observe(
                    i * 20_000 - i * 20_000 * ppm / 1_000_000 + jitter,
                    i * 20_000,
                    true,
                );
            }
            let measured = delay.drift_ppm().unwrap();
            assert!((measured - ppm as f64).abs() < 10.0, "{measured} for {ppm}");
        }
    }

    #[test]
    fn no_times_make_it_panic() {
        let mut delay = DelayStatistic::new();
        for arrival in [0, i64::MAX / 2, 5, -5, i64::MIN / 4, 7] {
            for media in [0, i64::MAX / 4, i64::MIN / 4] {
                delay.observe(arrival, media, true);
                let _ = delay.drift_ppm();
            }
        }
    }
}
