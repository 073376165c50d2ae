//! Something that goes on for each trunk as long as it is there: begun for a new one, ended for one that is gone, and where one becomes
//! another of the same name the new one begins when the old one has ended.

use crate::trunks::{CurrentTrunks, Trunks};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What goes on of one.
struct Running<T> {
    of: Arc<T>,
    end: CancellationToken,
    ended: bool,
}

/// Runs `one` for each that `all` finds, by its name, until `leaving`; it is told to end by its token.
pub(super) async fn each<T, F>(
    trunks: &CurrentTrunks,
    leaving: &CancellationToken,
    all: impl Fn(&Trunks) -> Vec<(String, Arc<T>)>,
    one: impl Fn(Arc<T>, CancellationToken) -> F,
) where
    F: Future<Output = ()>,
{
    let mut changes = trunks.changes();
    let mut running: HashMap<String, Running<T>> = HashMap::new();
    let mut going_on = FuturesUnordered::new();
    loop {
        let mut wanted: HashMap<String, Arc<T>> =
            all(&changes.borrow_and_update().clone()).into_iter().collect();
        if leaving.is_cancelled() {
            wanted.clear();
        }
        running.retain(|name, running| {
            let stays = wanted.get(name).is_some_and(|of| Arc::ptr_eq(of, &running.of));
            if !stays {
                running.end.cancel();
            }
            stays || !running.ended
        });
        for (name, of) in wanted {
            if running.contains_key(&name) {
                continue;
            }
            let end = leaving.child_token();
            let run = one(of.clone(), end.clone());
            let ended = false;
            running.insert(name.clone(), Running { of, end, ended });
            going_on.push(async move {
                run.await;
                name
            });
        }
        if leaving.is_cancelled() && going_on.is_empty() {
            return;
        }
        tokio::select! {
            Some(name) = going_on.next() => {
                if let Some(running) = running.get_mut(&name) {
                    running.ended = true;
                }
            }
            Ok(()) = changes.changed() => {}
            () = leaving.cancelled(), if going_on.is_empty() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    fn trunks(names: &[&str], channels: u32) -> String {
        let one = |name: &&str| format!("[[trunk]]\nname = \"{name}\"\nchannels = {channels}\n");
        names.iter().map(one).collect()
    }

    #[tokio::test]
    async fn what_goes_on_follows_the_trunks_and_the_new_one_waits_for_the_old() {
        let settings = |names: &[&str], channels| load_text(&trunks(names, channels), []).unwrap();
        let current = CurrentTrunks::new(Trunks::new(&settings(&["a", "b"], 0)));
        let (leaving, log) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::new())));
        let (tell, mut told) = mpsc::unbounded_channel();
        let (end_of_b, b_may_end) = mpsc::unbounded_channel::<()>();
        let b_may_end = Arc::new(tokio::sync::Mutex::new(b_may_end));
        let task = tokio::spawn({
            let (current, leaving, log) = (current.clone(), leaving.clone(), log.clone());
            async move {
                let all = |trunks: &Trunks| trunks.all().map(|one| (one.name.clone(), one.clone())).collect();
                each(&current, &leaving, all, |trunk, end| {
                    let (log, tell, b_may_end) = (log.clone(), tell.clone(), b_may_end.clone());
                    async move {
                        let say = |what: &str| {
                            log.lock()
                                .unwrap()
                                .push(format!("{what} {} {:?}", trunk.name, trunk.channels()));
                            let _ = tell.send(());
                        };
                        say("begins");
                        end.cancelled().await;
                        if trunk.name == "b" {
                            b_may_end.lock().await.recv().await;
                        }
                        say("ends");
                    }
                })
                .await;
            }
        });
        let mut heard = async |times: usize| {
            for _ in 0..times {
                told.recv().await.unwrap();
            }
            let mut log = std::mem::take(&mut *log.lock().unwrap());
            log.sort();
            log
        };
        assert_eq!(heard(2).await, ["begins a None", "begins b None"]);
        let change =
            |names: &[&str], channels| current.set(current.get().changed(&settings(names, channels)));
        // Nothing about the trunks: nothing ends.
        change(&["a", "b"], 0);
        change(&["b"], 0);
        assert_eq!(heard(1).await, ["ends a None"]);
        change(&["b", "c"], 5);
        assert_eq!(heard(1).await, ["begins c Some(5)"], "b has not ended");
        end_of_b.send(()).unwrap();
        let mut all = heard(2).await;
        all.sort();
        assert_eq!(all, ["begins b Some(5)", "ends b None"]);
        end_of_b.send(()).unwrap();
        leaving.cancel();
        assert_eq!(heard(2).await, ["ends b Some(5)", "ends c Some(5)"]);
        task.await.unwrap();
    }
}
