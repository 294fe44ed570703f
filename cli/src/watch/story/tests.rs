//! The two streams in every order.

use dayfly_jobs::wire::JobEvent;
use dayfly_jobs::{Attempt, Timestamp, WallTime};
use proptest::prelude::*;

use super::*;

fn event(attempt: u32, what: Happened) -> JobEvent {
    JobEvent { seq: 1, at_ms: Timestamp(0), attempt: Attempt(attempt), what }
}

fn leased(attempt: u32) -> JobEvent {
    event(attempt, Happened::Leased { worker: "w".parse().unwrap() })
}

fn started(step: usize, log_start: u64) -> JobEvent {
    event(1, Happened::StepStarted { step, log_start })
}

fn result(log_start: u64, log_end: u64) -> Box<StepResult> {
    let name = String::new();
    Box::new(StepResult { name, outcome: None, log_start, log_end, begin: WallTime::micros(1) })
}

fn ended(step: usize, log_start: u64, log_end: u64) -> JobEvent {
    event(1, Happened::StepEnded { step, result: result(log_start, log_end) })
}

fn bytes(offset: u64, text: &str) -> Piece {
    Piece::Bytes { offset, bytes: text.into() }
}

/// The scenes in short, output joined.
fn told(scenes: Vec<Scene>) -> String {
    let short = |scene: Scene| match scene {
        Scene::Job(Happened::Leased { .. }) => "(".to_owned(),
        Scene::Job(_) => "!".to_owned(),
        Scene::Begin(step) => format!("[{step}"),
        Scene::Output(bytes) => String::from_utf8(bytes).unwrap(),
        Scene::End(_, _) => "]".to_owned(),
        Scene::Skip(step) => format!("-{step}"),
        Scene::Stop(step) => format!("/{step}"),
    };
    scenes.into_iter().map(short).collect()
}

#[derive(Debug, Clone)]
enum Word {
    Event(JobEvent),
    Log(Piece),
    Tick,
}

fn tell(words: Vec<Word>) -> String {
    let mut story = Story::default();
    for word in words {
        match word {
            Word::Event(event) => story.happened(event),
            Word::Log(piece) => story.log(piece),
            Word::Tick => story.tick(),
        }
    }
    told(story.finish(0))
}

#[test]
fn what_runs_is_shown_when_it_has_waited_a_little() {
    let mut story = Story::default();
    story.happened(leased(1));
    story.happened(started(0, 0));
    assert_eq!(told(story.scenes()), "([0");
    story.log(bytes(0, "ab"));
    story.tick();
    assert_eq!(told(story.scenes()), "");
    story.tick();
    assert_eq!(told(story.scenes()), "ab");
    story.happened(ended(0, 0, 3));
    assert_eq!(told(story.scenes()), "");
    story.log(bytes(2, "cde"));
    assert_eq!(told(story.scenes()), "c]");
    story.happened(started(2, 3));
    assert_eq!(told(story.scenes()), "-1[2");
    story.log(bytes(5, "f"));
    assert_eq!(told(story.finish(0)), "def/2", "the job ended in the middle of it");
}

#[test]
fn another_attempt_begins_with_an_empty_log() {
    use Word::{Event, Log};
    let first = [Event(leased(1)), Event(started(0, 0)), Log(bytes(0, "old")), Word::Tick, Word::Tick];
    let lost = Event(event(1, Happened::Lost { worker: "w".parse().unwrap() }));
    let second = [Event(started(0, 0)), Event(ended(0, 0, 3))];
    let restart = Log(Piece::Restart);
    for order in [
        vec![lost.clone(), Event(leased(2)), Log(bytes(3, "late")), restart.clone(), Log(bytes(0, "new"))],
        vec![restart.clone(), Log(bytes(0, "new")), lost.clone(), Event(leased(2))],
        vec![lost.clone(), restart.clone(), Event(leased(2)), Log(bytes(0, "new"))],
    ] {
        let words = first.iter().cloned().chain(order).chain(second.clone()).collect();
        assert_eq!(tell(words), "([0old!([0new]");
    }
}

#[test]
fn a_log_that_never_comes_whole_does_not_hide_the_end() {
    use Word::{Event, Log};
    assert_eq!(tell(vec![Event(started(0, 0)), Event(ended(0, 0, 100)), Log(bytes(0, "part"))]), "[0part]");
}

proptest! {
    /// As long as no two ticks pass between them, the two streams may come in any order.
    #[test]
    fn whichever_stream_is_ahead_the_story_is_the_same(mut places in proptest::collection::vec(0..=6_usize, 2)) {
        let events = [started(0, 0), ended(0, 0, 2), started(1, 2), ended(1, 2, 2), started(3, 2), ended(3, 2, 5)];
        let mut words: Vec<Word> = events.into_iter().map(Word::Event).collect();
        places.sort_unstable();
        for (place, piece) in places.into_iter().zip([bytes(0, "ab"), bytes(2, "cde")]).rev() {
            words.insert(place, Word::Log(piece));
        }
        prop_assert_eq!(tell(words), "[0ab][1]-2[3cde]");
    }
}
