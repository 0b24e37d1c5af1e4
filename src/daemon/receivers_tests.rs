//! The queue of a receiver: what fits, what is told when it is full, and what a start tells again.

use super::*;

fn alarms(metrics: &Metrics) -> String {
    let text = metrics.text().unwrap();
    let line = text.lines().find(|line| line.contains("kind=\"receiver_queue_full\""));
    line.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_with_an_alarm_and_harms_no_other() {
    let metrics = Arc::new(Metrics::default());
    let (slow, mut slow_out) = mpsc::channel(MESSAGES_WAITING_MAX);
    let (quick, mut quick_out) = mpsc::channel(MESSAGES_WAITING_MAX);
    let queues = vec![("slow".to_owned(), slow), ("quick".to_owned(), quick)];
    let desk = ReceiverDesk { queues, metrics: Arc::clone(&metrics) };
    let n = u64::try_from(MESSAGES_WAITING_MAX).unwrap() + 3;
    for number in 1..=n {
        desk.push(BroadcastId(number), "started");
        let took = quick_out.try_recv().map(|message| message.broadcast);
        assert_eq!(took, Ok(BroadcastId(number)), "the other one is told all");
    }
    assert!(alarms(&metrics).ends_with(" 3"), "{}", alarms(&metrics));
    for number in 1..=n - 3 {
        assert_eq!(slow_out.try_recv().unwrap().broadcast, BroadcastId(number), "the oldest stay");
    }
    assert!(slow_out.try_recv().is_err());
    desk.push(BroadcastId(n + 1), "ended");
    assert_eq!(slow_out.try_recv().unwrap().broadcast, BroadcastId(n + 1), "there is room again");
    assert!(alarms(&metrics).ends_with(" 3"));
}
