//! What the supervisor has of a worker: the way to give it orders, and to let it go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};

use super::{Order, Post, refuse_order};
use crate::model::Action;

/// The supervisor's side of a worker.
pub struct Handle {
    /// Tells this worker from an earlier one of the same machine.
    pub number: u64,
    /// `None` once released: the worker ends when it has done what it was asked.
    pub(super) orders: Option<Sender<Order>>,
    /// What it has not taken when it ends.
    pub(super) untaken: Receiver<Order>,
    pub(super) post: Arc<Post>,
    /// The machine is to be powered off: ends a start under way.
    pub(super) power_off: Arc<AtomicBool>,
    pub(super) thread: JoinHandle<()>,
}

impl Handle {
    /// Passes an order on; `false` if the worker has too many already or has ended.
    pub fn order(&self, order: Order) -> bool {
        let power_off = matches!(
            order,
            Order::Act {
                action: Action::PowerOff,
                ..
            }
        );
        let Some(orders) = &self.orders else {
            return false;
        };
        let passed = orders.try_send(order).is_ok();
        if power_off && passed {
            self.power_off.store(true, Ordering::Relaxed);
        }
        passed
    }

    /// Has the worker leave QEMU running and end.
    pub fn release(&mut self) {
        self.orders = None;
    }

    /// Waits for the thread, which has said that it ends, and refuses what came too late for it.
    pub fn join(mut self) {
        self.release();
        self.thread.join().ok(); // A panic was already reported by the panic hook.
        for order in self.untaken.try_iter() {
            refuse_order(&self.post, order);
        }
    }
}
