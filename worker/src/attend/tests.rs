//! What is reported about an attempt.

use super::*;

fn stopped(why: &[Why]) -> Option<Completion> {
    let stop = Stop::new().unwrap();
    why.iter().for_each(|why| stop.stop(*why));
    ending(&stop, Ok(End::Stopped))
}

#[test]
fn the_reason_of_a_stop_decides_what_is_said() {
    assert_eq!(stopped(&[Why::Owner]), Some(Completion::Stopped));
    assert_eq!(stopped(&[Why::Drain]), Some(Completion::HandedBack));
    assert_eq!(stopped(&[Why::Drain, Why::Owner]), Some(Completion::Stopped));
    assert_eq!(stopped(&[Why::Owner, Why::Lost]), None);
    assert!(matches!(stopped(&[Why::Fault]), Some(Completion::Failed { .. })));
    let stop = Stop::new().unwrap();
    let lost = || Err(WorkerError::ThreadLost { reason: "it fell".to_owned() });
    assert!(matches!(ending(&stop, lost()), Some(Completion::Failed { error }) if error.contains("it fell")));
    stop.stop(Why::Lost);
    assert_eq!(ending(&stop, lost()), None);
}
