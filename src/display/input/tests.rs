//! The queue, order by order.

use super::*;

const A: KeyCode = KeyCode(30);
const B: KeyCode = KeyCode(48);

fn key(code: KeyCode, down: bool) -> Input {
    Input::Key { code, down }
}

fn drain(queue: &InputQueue) -> Vec<Order> {
    queue.close();
    std::iter::from_fn(|| queue.next()).collect()
}

#[test]
fn motion_is_joined_and_keys_keep_their_place() {
    let queue = InputQueue::default();
    for x in 0..5_000 {
        queue.send(Input::PointerAbs { x, y: 1 });
    }
    queue.send(key(A, true));
    for _ in 0..3 {
        queue.send(Input::PointerRel { dx: 2, dy: -1 });
    }
    queue.send(key(A, false));
    let want = [
        Order::PointerAbs { x: 4_999, y: 1 },
        Order::Key {
            code: A,
            down: true,
        },
        Order::PointerRel { dx: 6, dy: -3 },
        Order::Key {
            code: A,
            down: false,
        },
    ];
    assert_eq!(drain(&queue), want);
}

#[test]
fn a_full_queue_drops_presses_but_never_the_release_of_a_key_that_went_down() {
    let queue = InputQueue::default();
    queue.send(key(A, true));
    for i in 0..5_000 {
        queue.send(Input::PointerAbs { x: i, y: 0 });
        queue.send(Input::PointerRel { dx: 1, dy: 0 });
    }
    queue.send(key(B, true));
    queue.send(key(A, false));
    queue.send(key(B, false));
    let orders = drain(&queue);
    assert_eq!(orders.len(), CAPACITY + 1);
    assert_eq!(
        orders.last(),
        Some(&Order::Key {
            code: A,
            down: false
        })
    );
    assert!(
        !orders
            .iter()
            .any(|order| matches!(order, Order::Key { code: B, .. }))
    );
}

#[test]
fn closing_and_hiding_lift_what_is_held() {
    let queue = InputQueue::default();
    queue.send(key(A, true));
    let (button, down) = (Button::Left, true);
    queue.send(Input::Button { button, down });
    queue.show(None);
    let down = false;
    let orders = drain(&queue);
    assert_eq!(
        orders[2..4],
        [Order::Key { code: A, down }, Order::Button { button, down }]
    );
    assert_eq!(orders[4], Order::Show(None));
    assert_eq!(orders.len(), 5);
}

#[test]
fn only_the_last_resize_of_a_drag_is_sent() {
    let queue = InputQueue::default();
    queue.send(Input::Resize { w: 800, h: 600 });
    let at = queue
        .send(Input::Resize { w: 801, h: 600 })
        .expect("an alarm");
    assert_eq!(queue.release_due(), Some(at));
    std::thread::sleep(RESIZE_DELAY);
    assert_eq!(queue.release_due(), None);
    assert_eq!(drain(&queue), [Order::Resize { w: 801, h: 600 }]);
}

#[test]
fn refresh_requests_become_one_and_whole_wins() {
    let queue = InputQueue::default();
    queue.refresh(true);
    queue.refresh(false);
    assert_eq!(drain(&queue), [Order::Refresh { whole: true }]);
}

#[test]
fn input_waits_a_moment_for_controls_that_somebody_else_has_and_releases_are_never_lost() {
    let waker = std::task::Waker::noop();
    let context = Context::from_waker(waker);
    let queue = InputQueue::default();
    queue.send(key(A, true));
    assert!(matches!(queue.poll_next(&context), Poll::Ready(Some(_))));
    queue.send(Input::PointerAbs { x: 1, y: 1 });
    queue.lose_controls();
    assert!(!queue.wants_controls(), "nobody has acted since");
    queue.send(Input::ReleaseAll);
    assert!(!queue.wants_controls(), "letting go can wait");
    queue.send(key(B, true));
    assert!(queue.wants_controls());
    let (ours, _theirs) = UnixStream::pair().unwrap();
    queue.give_controls(ours);
    assert!(matches!(queue.next_idle(), Some(Idle::Control(_))));
    assert!(!queue.wants_controls());
    let (up, down) = (false, true);
    let want = [
        Order::Key { code: A, down: up },
        Order::Key { code: B, down },
        Order::Key { code: B, down: up },
    ];
    assert_eq!(drain(&queue), want);
}

#[test]
fn a_screen_is_unplugged_at_once_whatever_size_was_wished() {
    let queue = InputQueue::default();
    queue.send(Input::Resize { w: 800, h: 600 });
    queue.send(Input::Unplug);
    std::thread::sleep(RESIZE_DELAY);
    assert_eq!(queue.release_due(), None);
    assert_eq!(drain(&queue), [Order::Resize { w: 0, h: 0 }]);
}

#[test]
fn moves_of_a_finger_are_joined_and_it_is_lifted_once() {
    let queue = InputQueue::default();
    let touch = |slot, phase, x| Touch {
        slot,
        phase,
        x,
        y: 7,
    };
    let send = |touch| queue.send(Input::Touch(touch));
    send(touch(1, Phase::Move, 1)); // It is not down.
    send(touch(MAX_SLOTS, Phase::Begin, 1));
    send(touch(1, Phase::Begin, 1));
    for x in 2..5_000 {
        send(touch(1, Phase::Move, x));
    }
    send(touch(0, Phase::Begin, 3));
    queue.send(Input::ReleaseAll);
    send(touch(1, Phase::End, 9));
    let want = [
        touch(1, Phase::Begin, 1),
        touch(1, Phase::Move, 4_999),
        touch(0, Phase::Begin, 3),
        touch(0, Phase::End, 3),
        touch(1, Phase::End, 4_999),
    ];
    assert_eq!(drain(&queue), want.map(Order::Touch));
}
