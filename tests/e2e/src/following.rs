//! What a subscription delivers, waited for.

use laniakea_wire::subscription::{Delivery, Subscription, Update};

use crate::within;

/// The next update.
///
/// # Panics
///
/// None comes in time, or the subscription ended.
pub async fn next_update(subscription: &mut Subscription) -> Update {
    within("an update", subscription.next()).await.unwrap().unwrap()
}

/// The next event.
///
/// # Panics
///
/// None comes in time, or something is missing before it.
pub async fn next_event(subscription: &mut Subscription) -> Box<Delivery> {
    loop {
        match next_update(subscription).await {
            Update::Event(delivery) => return delivery,
            Update::Lost { .. }
            | Update::Refused { .. }
            | Update::JournalChanged { .. }
            | Update::Contradiction { .. } => {
                panic!("the stream is broken")
            }
            _ => {}
        }
    }
}
