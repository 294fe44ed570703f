//! What must hold of every job that was ever acknowledged, checked over its complete list of events and over what
//! the scheduler says of it. Pure; written against the promises of the documentation, not against the code.

use std::collections::BTreeSet;

use serde_json::Value;

/// Everything that is wrong with an ended job: its record as `GET /v1/jobs/{id}` gives it, and all its events.
pub fn faults(job: &Value, events: &[Value]) -> Vec<String> {
    let mut story = Story::default();
    events.iter().for_each(|event| story.read(event));
    story.compare(job);
    let id = job["id"].as_str().unwrap_or("?");
    story.faults.iter().map(|fault| format!("job {id}: {fault}")).collect()
}

#[derive(Debug, Default)]
struct Story {
    faults: Vec<String>,
    seq: u64,
    at_ms: u64,
    /// The latest attempt; a job that was never leased has none.
    attempt: u64,
    /// Whether the latest attempt may still speak.
    held: bool,
    /// Steps of the latest attempt.
    began: BTreeSet<u64>,
    over: BTreeSet<u64>,
    ended: Option<String>,
}

impl Story {
    fn read(&mut self, event: &Value) {
        let kind = event["event"].as_str().unwrap_or("?");
        let number = |name: &str| event[name].as_u64();
        let fine = [
            (number("seq") == Some(self.seq + 1), "events have gaps"),
            (number("at_ms") >= Some(self.at_ms), "time went back"),
            ((kind == "submitted") == (self.seq == 0), "it does not begin with one submit"),
            (self.ended.is_none() || kind == "refused", "something happened after its end"),
        ];
        for (_, wrong) in fine.into_iter().filter(|(fine, _)| !fine) {
            self.fault(wrong, event);
        }
        self.seq += 1;
        self.at_ms = number("at_ms").unwrap_or_default();
        let leased = kind == "leased";
        self.expect(
            number("attempt") == Some(self.attempt + u64::from(leased)),
            "is of a wrong attempt",
            event,
        );
        match kind {
            "submitted" | "cancel_requested" => {}
            "leased" => self.lease(event),
            "step_started" => self.begin(event),
            "step_ended" => self.end_step(event),
            "handed_back" | "failed" | "lost" => self.let_go(event),
            "refused" => self.refuse(event),
            "ended" => self.end(event),
            _ => self.fault("is of a kind nobody knows", event),
        }
    }

    fn lease(&mut self, event: &Value) {
        self.expect(!self.held, "came while another attempt ran", event);
        self.attempt += 1;
        self.held = true;
        self.began.clear();
        self.over.clear();
    }

    fn begin(&mut self, event: &Value) {
        let new = self.began.insert(event["step"].as_u64().unwrap_or(u64::MAX));
        self.expect(self.held && new, "began twice or for nobody", event);
    }

    fn end_step(&mut self, event: &Value) {
        let new = self.over.insert(event["step"].as_u64().unwrap_or(u64::MAX));
        self.expect(self.held && new, "ended twice or for nobody", event);
    }

    fn let_go(&mut self, event: &Value) {
        self.expect(self.held, "let go of what nobody held", event);
        self.held = false;
    }

    fn refuse(&mut self, event: &Value) {
        let spoke_for = event["spoke_for"].as_u64().unwrap_or_default();
        let late = spoke_for < self.attempt || !self.held;
        self.expect(late && (1..=self.attempt).contains(&spoke_for), "refused who had the right", event);
    }

    fn end(&mut self, event: &Value) {
        let state = event["state"].as_str().unwrap_or("?");
        self.expect(self.held || state != "finished", "is a verdict of nobody", event);
        self.held = false;
        self.ended = Some(state.to_owned());
    }

    /// What the job says of itself must be what its events say.
    fn compare(&mut self, job: &Value) {
        let ended = self.ended.clone().unwrap_or_else(|| "no end".to_owned());
        self.expect(job["state"].as_str() == Some(&ended), "is not in the state it ended in", job);
        self.expect(job["attempt"].as_u64() == Some(self.attempt), "counts other attempts", job);
        let steps = job["result"]["steps"].as_array();
        self.expect(steps.is_some() == (ended == "finished"), "has a result without a verdict, or none", job);
        let all = u64::try_from(steps.map_or(0, Vec::len)).unwrap();
        let told: BTreeSet<u64> = if ended == "finished" { (0..all).collect() } else { self.over.clone() };
        self.expect(self.over == told, "has steps that its latest attempt did not tell of", job);
    }

    fn expect(&mut self, fine: bool, wrong: &str, what: &Value) {
        if !fine {
            self.fault(wrong, what);
        }
    }

    fn fault(&mut self, wrong: &str, what: &Value) {
        self.faults.push(format!("{wrong}: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, attempt: u64, mut what: Value) -> Value {
        let object = what.as_object_mut().unwrap();
        object.insert("seq".to_owned(), seq.into());
        object.insert("at_ms".to_owned(), (1000 + seq).into());
        object.insert("attempt".to_owned(), attempt.into());
        what
    }

    /// Lost once, finished by the second attempt, with a late word of the first.
    fn good() -> (Value, Vec<Value>) {
        let leased = json!({ "event": "leased", "worker": "w" });
        let events = vec![
            event(1, 0, json!({ "event": "submitted" })),
            event(2, 1, leased.clone()),
            event(3, 1, json!({ "event": "step_started", "step": 0 })),
            event(4, 1, json!({ "event": "lost", "worker": "w" })),
            event(5, 2, leased),
            event(6, 2, json!({ "event": "step_started", "step": 0 })),
            event(7, 2, json!({ "event": "refused", "spoke_for": 1 })),
            event(8, 2, json!({ "event": "step_ended", "step": 0 })),
            event(9, 2, json!({ "event": "ended", "state": "finished" })),
            event(10, 2, json!({ "event": "refused", "spoke_for": 1 })),
        ];
        (json!({ "id": "j", "state": "finished", "attempt": 2, "result": { "steps": [{}] } }), events)
    }

    #[test]
    fn a_good_story_has_no_faults() {
        let (job, events) = good();
        assert_eq!(faults(&job, &events), Vec::<String>::new());
    }

    #[test]
    fn no_event_of_a_good_story_can_be_left_out_or_told_twice() {
        let (job, events) = good();
        for place in 0..events.len() - 1 {
            let (mut fewer, mut more) = (events.clone(), events.clone());
            fewer.remove(place);
            more.insert(place, events[place].clone());
            assert!(!faults(&job, &fewer).is_empty(), "without event {place}");
            assert!(!faults(&job, &more).is_empty(), "with event {place} twice");
            // Even when the numbers fit, what is told must make sense; words that are refused change nothing.
            for story in [&mut fewer, &mut more] {
                (1_u64..).zip(story.iter_mut()).for_each(|(seq, event)| event["seq"] = seq.into());
                story.iter_mut().for_each(|event| event["at_ms"] = 1.into());
                let harmless =
                    events[place]["event"] == "refused" || events[place]["event"] == "step_started";
                assert!(harmless || !faults(&job, story).is_empty(), "event {place}: {story:?}");
            }
        }
    }

    #[test]
    fn a_record_that_contradicts_its_events_is_a_fault() {
        let (_, events) = good();
        for job in [
            json!({ "state": "cancelled", "attempt": 2 }),
            json!({ "state": "finished", "attempt": 1, "result": { "steps": [{}] } }),
            json!({ "state": "finished", "attempt": 2 }),
            json!({ "state": "finished", "attempt": 2, "result": { "steps": [{}, {}] } }),
        ] {
            assert!(!faults(&job, &events).is_empty(), "{job}");
        }
    }
}
