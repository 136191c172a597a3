//! The one door to the processors (I6): nothing heavy runs anywhere else.
//!
//! There are as many slots as jobs may run at once, and each slot is a rayon pool of its own in which one job at a time
//! runs. A rayon worker that waits (for a parallel part of its job, or for Polars' own pool) looks for other work meanwhile;
//! in a pool that holds nothing but its own job it cannot pick up a stranger's and keep its own waiting below it on the same
//! stack. Idle slots cost their threads' stacks and no time.
//!
//! A slot comes with the memory that its job may use: both are free, or the job waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// The slots. Clones share them.
#[derive(Clone)]
pub struct Compute {
    room: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Arc<ThreadPool>>>>,
    slots: usize,
    /// What all jobs together may use, in [`UNIT`]s.
    memory: Arc<Semaphore>,
    units: u32,
}

/// In what memory is counted: a mebibyte.
const UNIT: u64 = 1 << 20;

/// The right to run one job. Room is given back when it is dropped, or when the job that was run with it ends.
pub struct Slot {
    pool: Arc<ThreadPool>,
    idle: Arc<Mutex<Vec<Arc<ThreadPool>>>>,
    _room: OwnedSemaphorePermit,
    _memory: OwnedSemaphorePermit,
}

/// The job panicked; the slot lives on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("panicked: {0}")]
pub struct Panicked(pub String);

impl Compute {
    /// `slots` slots of `threads` threads each, and memory without end.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(slots: usize, threads: usize) -> Result<Self, ThreadPoolBuildError> {
        let pool = |slot| ThreadPoolBuilder::new().num_threads(threads).thread_name(move |thread| name(slot, thread));
        let idle = (0..slots).map(|slot| pool(slot).build().map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let (room, idle) = (Arc::new(Semaphore::new(slots)), Arc::new(Mutex::new(idle)));
        Ok(Self { room, idle, slots, memory: Arc::new(Semaphore::new(u32::MAX as usize)), units: u32::MAX })
    }

    /// The same with `bytes` of memory for all jobs together.
    #[must_use]
    pub fn with_memory(self, bytes: u64) -> Self {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        Self { memory: Arc::new(Semaphore::new(units as usize)), units, ..self }
    }

    /// How many jobs can run at once.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// How many slots are free now.
    pub fn free(&self) -> usize {
        self.room.available_permits()
    }

    /// How many jobs that may use `bytes` each could begin now.
    pub fn free_for(&self, bytes: u64) -> usize {
        self.free().min(self.memory.available_permits() / self.share(bytes) as usize)
    }

    /// Waits until a slot is free and with it `bytes` of memory, without taking them. Who waits here comes before all that
    /// only tries: memory is put aside as it comes free.
    pub async fn room(&self, bytes: u64) {
        let room = self.room.acquire().await;
        let memory = self.memory.acquire_many(self.share(bytes)).await;
        drop((room.expect("the semaphore is never closed"), memory.expect("the semaphore is never closed")));
    }

    /// Takes a slot for a job that may use `bytes` of memory, if both are free.
    pub fn try_slot(&self, bytes: u64) -> Option<Slot> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let memory = Arc::clone(&self.memory).try_acquire_many_owned(self.share(bytes)).ok()?;
        let pool = self.idle.lock().pop().expect("there is a pool for every permit");
        Some(Slot { pool, idle: Arc::clone(&self.idle), _room: room, _memory: memory })
    }

    /// A job that may use more than there is runs alone. Rounded down, so that equal parts of the whole fit into it.
    fn share(&self, bytes: u64) -> u32 {
        u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).clamp(1, self.units)
    }
}

impl Slot {
    /// Runs `work` in this slot's pool and gives the slot back. What is awaited ends with it.
    ///
    /// # Errors
    /// `Panicked` when `work` panicked.
    pub fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Panicked>> + Send + 'static {
        let (done, outcome) = oneshot::channel();
        let pool = Arc::clone(&self.pool);
        pool.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked(said(&*panic)));
            drop(self);
            // Whoever waited may have gone: then nobody needs the result.
            let _ = done.send(result);
        });
        async move { outcome.await.unwrap_or_else(|_| Err(Panicked("the pool thread ended".to_owned()))) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.idle.lock().push(Arc::clone(&self.pool));
    }
}

fn name(slot: usize, thread: usize) -> String {
    format!("compute-{slot}-{thread}")
}

/// What a panic said.
pub fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(compute: &Compute) -> Slot {
        compute.try_slot(UNIT).expect("a slot is free")
    }

    #[tokio::test]
    async fn a_panic_is_a_value_and_the_slot_lives_on() {
        let compute = Compute::new(1, 1).expect("threads");
        let outcome = slot(&compute).run(|| panic!("no {}", "good")).await;
        assert_eq!(outcome, Err::<(), _>(Panicked("no good".to_owned())));
        assert_eq!(slot(&compute).run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_slot_comes_with_its_memory() {
        let compute = Compute::new(3, 1).expect("threads").with_memory(10 * UNIT);
        let first = compute.try_slot(6 * UNIT).expect("all is free");
        assert_eq!((compute.free(), compute.free_for(6 * UNIT), compute.free_for(4 * UNIT)), (2, 0, 1));
        assert!(compute.try_slot(6 * UNIT).is_none(), "a slot is free and its memory is not");
        let second = compute.try_slot(4 * UNIT).expect("it fits beside the first");
        drop(first);
        let room = compute.room(10 * UNIT);
        tokio::pin!(room);
        assert!(futures_util::poll!(&mut room).is_pending(), "the second has some of it");
        assert!(compute.try_slot(6 * UNIT).is_none(), "who waits for more is not passed by");
        drop(second);
        room.await;
        assert!(compute.try_slot(100 * UNIT).is_some(), "more than there is runs alone");
        let odd = Compute::new(3, 1).expect("threads").with_memory(10 * UNIT + 1);
        let parts: Vec<_> = (0..3).filter_map(|_| odd.try_slot((10 * UNIT + 1) / 3)).collect();
        assert_eq!(parts.len(), 3, "equal parts of the whole fit into it");
    }

    #[tokio::test]
    async fn a_job_never_runs_on_the_stack_of_another() {
        let compute = Compute::new(2, 2).expect("threads");
        let (first, second) = (slot(&compute), slot(&compute));
        let nested = |slot: Slot| slot.run(|| rayon::join(rayon::current_num_threads, rayon::current_num_threads));
        assert_eq!(tokio::join!(nested(first), nested(second)), (Ok((2, 2)), Ok((2, 2))));
        assert_eq!(compute.free(), 2);
    }
}
