//! The numbered steps a person reads while waiting, and what each of them took.
//!
//! It must never swallow a failure: a step's result is handed on as it is.

use std::time::{Duration, Instant};

/// A known number of steps, said one by one.
#[derive(Debug)]
pub(crate) struct Steps {
    total: usize,
    done: Vec<(&'static str, Duration)>,
    open: Option<(&'static str, Instant)>,
}

impl Steps {
    /// A row of `total` steps, none begun.
    pub(crate) fn of(total: usize) -> Self {
        Self { total, done: Vec::new(), open: None }
    }

    /// Ends the step before and says the next: English first, Chinese beside.
    pub(crate) fn next(&mut self, en: &'static str, zh: &str) {
        self.close();
        let at = self.done.len().saturating_add(1);
        println!("\n[{at}/{}] {en} …  {zh}", self.total);
        self.open = Some((en, Instant::now()));
    }

    /// Ends the last step and prints what each took, in seconds.
    pub(crate) fn finish(&mut self) {
        self.close();
        println!("\nTook, in seconds  用时（秒）:");
        for (en, took) in &self.done {
            println!("  {:>6.1}  {en}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        println!("  {:>6.1}  together  合计", total.as_secs_f64());
    }

    fn close(&mut self) {
        if let Some((en, begun)) = self.open.take() {
            self.done.push((en, begun.elapsed()));
        }
    }
}
