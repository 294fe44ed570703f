//! How a jail is made, up to where it can run a command.

use std::sync::Arc;
use std::time::Instant;

use super::JailSandbox;
use crate::SandboxError;
use crate::cgroup::Wants;
use crate::jail::identity::Identity;
use crate::jail::next::{Next, Stage};
use crate::jail::shape::Shape;
use crate::jail::spawn;
use crate::jail::total::SandboxTotal;
use crate::slot::{Slot, Slots, UIDS_PER_SLOT};

impl JailSandbox {
    /// Makes a jail. Its first command's process is under way when this returns.
    pub(crate) fn create(shape: &Arc<Shape>, slots: &Slots, wants: Wants) -> Result<Self, SandboxError> {
        Self::create_while(shape, slots, wants, || ()).map(|(sandbox, ())| sandbox)
    }

    /// The same, and does something meanwhile that takes time.
    pub(crate) fn create_while<T>(
        shape: &Arc<Shape>,
        slots: &Slots,
        wants: Wants,
        meanwhile: impl FnOnce() -> T,
    ) -> Result<(Self, T), SandboxError> {
        let born = Instant::now();
        let slot = slots.acquire(shape.driver.as_deref())?;
        let identity = identity_of(&slot);
        let mut total = SandboxTotal::make(shape, &slot)?;
        let mut init = spawn::start_init(shape, identity)?;
        let next = match Next::start(shape, &slot, &mut init, identity, total.as_mut(), wants) {
            Ok(next) => next,
            Err(lost) => {
                // Nothing can be made in the jail of an init that has ended, which has said why.
                let blamed = spawn::failure_of(shape, &mut init);
                spawn::end(init);
                let error = lost.give_up();
                return Err(blamed.unwrap_or(error));
            }
        };
        let done = meanwhile();
        let built = match spawn::await_built(shape, &mut init) {
            Ok(built) => built,
            Err(error) => {
                let words = Some(&next).filter(|_| matches!(error, SandboxError::CommandLost));
                let error = words.and_then(|next| next.last_words(shape)).unwrap_or(error);
                next.discard();
                spawn::end(init);
                return Err(error);
            }
        };
        let sandbox = Self {
            shape: Arc::clone(shape),
            identity,
            built,
            next: Some(next),
            group: None,
            total,
            finished: Vec::new(),
            init: Some(init),
            remains: None,
            slot,
            born: Some(born),
            used: false,
        };
        Ok((sandbox, done))
    }

    /// Waits until the next command's process has nothing left to do but to wait for its command.
    pub(crate) fn prepare(&mut self) -> Result<(), SandboxError> {
        if let Some(Next { group, wants, stage }) = self.next.take() {
            // Where it fails, the group goes with the jail.
            self.finished.extend(group);
            let process = stage.settle(&self.shape, None)?;
            let stage = Stage::Here(spawn::await_parked(&self.shape, process)?);
            self.next = Some(Next { group: self.finished.pop(), wants, stage });
        }
        // Waiting in a pool is not part of making it.
        self.born = None;
        Ok(())
    }
}

fn identity_of(slot: &Slot) -> Identity {
    if nix::unistd::geteuid().is_root() {
        Identity::Range { first: slot.first_uid(), count: UIDS_PER_SLOT }
    } else {
        Identity::Own { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw() }
    }
}
