//! Principals take turns, and who waits hears that the job lives.

use actors::model::{JobState, Owner};
use actors::{FollowJob, Note};

use crate::harness::{World, call};

#[actix::test]
async fn a_busy_principal_does_not_starve_another() {
    let world = World::new().await;
    let (ada, bob): (Owner, Owner) = ("ada".parse().expect("a name"), "bob".parse().expect("a name"));
    for owner in [&ada, &bob] {
        world.put(owner, "in.txt", "words").await;
    }
    let process = world.process(1, 100);
    let mut hers = Vec::new();
    for number in 0..20 {
        hers.push(process.submit(&ada, call(&number.to_string())).await.expect("accepted").record.id.clone());
    }
    let his = process.submit(&bob, call("his")).await.expect("accepted").record.id.clone();
    process.recover().await.expect("recovered");
    let finished = process.end_of(&bob, &his).await.finished_at;
    let mut before = 0;
    for job in &hers {
        before += usize::from(process.end_of(&ada, job).await.finished_at < finished);
    }
    assert!(before <= 2, "{before} of hers ran before his one");
}

#[actix::test]
async fn a_follower_hears_progress_heartbeats_and_the_end() {
    let world = World::new().await;
    let owner = Owner::local();
    world.gate.close();
    let process = world.running(1).await;
    let job = process.submit(&owner, call("one")).await.expect("accepted").record.id.clone();
    let mut notes = process.session(&owner).await.send(FollowJob(job)).await.expect("session lives").expect("own job");
    let heard = async {
        let (mut progress, mut heartbeats) = (Vec::new(), 0);
        while let Some(note) = notes.recv().await {
            match note {
                Note::Progress(latest) => progress.push(latest.done),
                Note::Heartbeat(latest) if latest.done >= 3.0 => {
                    heartbeats += 1;
                    if heartbeats == 3 {
                        world.gate.open();
                    }
                }
                Note::Heartbeat(_) | Note::Asks(_) => {}
                Note::Ended(record) => return (progress, heartbeats, record.state),
            }
        }
        panic!("the notes ended before the job")
    };
    let (progress, heartbeats, state) = process.drive(heard).await;
    assert!(progress.windows(2).all(|pair| pair[0] <= pair[1]), "{progress:?}");
    assert!(progress.contains(&3.0) && heartbeats >= 3, "{progress:?} {heartbeats}");
    assert_eq!(state, JobState::Succeeded);
}
