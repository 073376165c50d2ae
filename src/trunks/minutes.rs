//! What services have talked of each day, in the store, so that a restart gives nobody the day's minutes again.
//!
//! The book in memory decides, and the store is behind it: it is read once, written every few seconds while somebody talks and
//! whenever a call ends, and asked before no call. While it is away calls go on by what the book knows.

use super::usage::{DAY, Talked, Usage};
use crate::store::{Ages, Result, Retention, Store, days_before};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::warn;

/// So much of what is talked a crash may lose.
const PACE: Duration = Duration::from_secs(5);
/// Days are kept so long, for a clock that is set back to find them.
const KEEP_DAYS: u64 = 31;
/// How often older ones are looked for.
const ROUND: Duration = Duration::from_secs(3600);
/// The last write, at the end, takes no longer.
const LAST: Duration = Duration::from_secs(3);

/// The book's place in the store.
#[derive(Debug)]
pub struct Minutes {
    usage: Arc<Usage>,
    store: Store,
}

impl Minutes {
    /// Of this book, in this store.
    pub fn new(usage: Arc<Usage>, store: Store) -> Arc<Minutes> {
        Arc::new(Minutes { usage, store })
    }

    /// Adds what an earlier process has left; done once.
    ///
    /// # Errors
    /// The store cannot be read: [`keep`](Self::keep) does it later.
    pub async fn restore(&self) -> Result<()> {
        if self.usage.is_restored() {
            return Ok(());
        }
        let rows: Vec<(String, i64, i64)> =
            sqlx::query_as("SELECT service_id, day, seconds FROM service_minutes ORDER BY day")
                .fetch_all(&self.store.pool()?)
                .await?;
        let unsigned = |number| u64::try_from(number).unwrap_or(0);
        let talked = |(service, day, seconds)| Talked {
            service,
            day: unsigned(day),
            seconds: unsigned(seconds),
        };
        self.usage.restore(rows.into_iter().map(talked));
        Ok(())
    }

    /// Keeps it, for ever.
    pub async fn keep(self: Arc<Self>) {
        let mut ages = Ages::new(self.store.clone(), Retention::Minutes);
        let (mut looked, mut is_told) = (None::<Instant>, false);
        loop {
            let round = async {
                self.restore().await?;
                self.write().await?;
                if looked.is_none_or(|at| at.elapsed() >= ROUND) {
                    self.forget(&mut ages).await?;
                    looked = Some(Instant::now());
                }
                Result::Ok(())
            };
            let done: Result<()> = round.await;
            if let Err(error) = &done
                && !is_told
            {
                warn!(%error, "the minutes that services have talked wait for the store");
            }
            is_told = done.is_err();
            let ended = async {
                match done {
                    Ok(()) => self.usage.call_ended().await,
                    Err(_) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended => {}
                () = tokio::time::sleep(PACE) => {}
            }
        }
    }

    /// The service ends: what was talked until now.
    pub async fn flush(&self) {
        match tokio::time::timeout(LAST, self.write()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last minutes that services have talked are lost"),
            Err(_) => warn!("the last minutes that services have talked are lost: the store did not answer"),
        }
    }

    async fn write(&self) -> Result<()> {
        let all = self.usage.unwritten(tokio::time::Instant::now().into_std());
        if all.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        for Talked {
            service,
            day,
            seconds,
        } in &all
        {
            // A day that the book does not have any more, because the clock was set, is not cut short.
            sqlx::query(
                "INSERT INTO service_minutes (service_id, day, seconds) VALUES ($1, $2, $3) \
                 ON CONFLICT (service_id, day) DO UPDATE SET seconds = $3 WHERE service_minutes.seconds < $3",
            )
            .bind(service)
            .bind(i64::try_from(*day).unwrap_or(i64::MAX))
            .bind(i64::try_from(*seconds).unwrap_or(i64::MAX))
            .execute(&mut **transaction)
            .await?;
        }
        transaction.commit().await?;
        self.usage.written(all);
        Ok(())
    }

    async fn forget(&self, ages: &mut Ages) -> Result<()> {
        if let Some(now) = ages.now().await? {
            let before = days_before(now, KEEP_DAYS).div_euclid(i64::try_from(DAY).unwrap_or(i64::MAX));
            let _turn = self.store.turn().await?;
            sqlx::query("DELETE FROM service_minutes WHERE day < $1")
                .bind(before)
                .execute(&self.store.pool()?)
                .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Trunks;
    use super::*;
    use crate::clock::unix_now;
    use crate::config::load_text;
    use crate::store::tests::{Valve, store};
    use omnigate_omnitalk::DialRefusal;

    fn trunks() -> Trunks {
        let toml = "[[service]]\nid = \"shop\"\nkey = \"k\"\ncalls = 9\nminutes_a_day = 1\n";
        Trunks::new(&load_text(toml, []).unwrap())
    }

    /// Talks for so long, from now on.
    fn talk(usage: &Arc<Usage>, trunks: &Trunks, seconds: u64) {
        let (now, unix) = (Instant::now(), unix_now());
        let mut call = usage.call(trunks, "shop", unix).unwrap();
        call.answered(now, unix);
        for step in 0..=seconds / 30 {
            assert!(call.go_on(now + Duration::from_secs(step * 30), unix));
        }
        call.end(now + Duration::from_secs(seconds));
    }

    #[tokio::test]
    async fn what_was_talked_before_a_restart_counts_after_it_and_calls_do_not_wait_for_the_store() {
        let (store, folder) = store("minutes").await;
        let (valve, gated) = Valve::of(&store);
        let trunks = trunks();
        let first = Arc::new(Usage::default());
        let minutes = Minutes::new(first.clone(), gated.clone());
        minutes.restore().await.unwrap();
        talk(&first, &trunks, 20);
        minutes.write().await.unwrap();
        valve.shut();
        talk(&first, &trunks, 5);
        minutes.write().await.unwrap_err();
        valve.open();
        minutes.write().await.unwrap();
        assert_eq!(first.unwritten(Instant::now()), []);

        // Away at the start: the book begins with nothing, and has the rest as soon as it can.
        let second = Arc::new(Usage::default());
        let minutes = Minutes::new(second.clone(), gated);
        valve.shut();
        minutes.restore().await.unwrap_err();
        talk(&second, &trunks, 29);
        minutes.write().await.unwrap();
        valve.open();
        let keeps = tokio::spawn(minutes.clone().keep());
        tokio::time::timeout(Duration::from_secs(5), async {
            while !second.unwritten(Instant::now()).is_empty() || !second.is_restored() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        // The end of a call is written at once.
        talk(&second, &trunks, 6);
        tokio::time::timeout(Duration::from_secs(2), async {
            while !second.unwritten(Instant::now()).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        keeps.abort();

        let third = Arc::new(Usage::default());
        Minutes::new(third.clone(), store.clone())
            .restore()
            .await
            .unwrap();
        let refused = third.call(&trunks, "shop", unix_now());
        assert_eq!(refused.unwrap_err(), DialRefusal::MinutesUsed, "20 + 5 + 29 + 6");
        third.call(&trunks, "shop", unix_now() + DAY).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn days_of_long_ago_are_forgotten_and_today_is_not() {
        let (store, folder) = store("minutes-old").await;
        let usage = Arc::new(Usage::default());
        let minutes = Minutes::new(usage.clone(), store.clone());
        minutes.restore().await.unwrap();
        talk(&usage, &trunks(), 3);
        minutes.write().await.unwrap();
        sqlx::query("INSERT INTO service_minutes (service_id, day, seconds) VALUES ('shop', 1000, 60)")
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
        let mut ages = Ages::new(store.clone(), Retention::Minutes);
        minutes.forget(&mut ages).await.unwrap();
        let days: Vec<(i64,)> = sqlx::query_as("SELECT day FROM service_minutes")
            .fetch_all(&store.pool().unwrap())
            .await
            .unwrap();
        assert_eq!(days.len(), 1);
        assert!(days[0].0 > 1000);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
