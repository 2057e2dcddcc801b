//! Whole steps out of fractions: pixels of a guest's pointer, notches of its wheel.

/// One event of a broken mouse is not more than this many steps.
const MAX_STEPS: f64 = 10_000.0;

/// What was moved and not yet sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steps(f64);

impl Steps {
    /// Adds to what is left over and takes the whole part out.
    pub fn add(&mut self, more: f64) -> i32 {
        let more = if more.is_finite() { more } else { 0.0 };
        self.0 = (self.0 + more).clamp(-MAX_STEPS, MAX_STEPS);
        let whole = self.0.trunc();
        self.0 -= whole;
        whole as i32
    }

    /// As [`Self::add`], for a wheel: a notch that was begun the other way is given up, or the first one back would
    /// be swallowed.
    pub fn turn(&mut self, more: f64) -> i32 {
        if self.0 * more < 0.0 {
            self.0 = 0.0;
        }
        self.add(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_add_up_and_nonsense_is_nothing() {
        let mut steps = Steps::default();
        assert_eq!([0.6, 0.6, -1.0].map(|more| steps.add(more)), [0, 1, 0]);
        assert_eq!(steps.add(f64::NAN), 0);
        assert_eq!(steps.add(f64::INFINITY), 0);
        assert_eq!(steps.add(1e300), 10_000);
    }

    #[test]
    fn a_turn_back_gives_up_the_notch_that_was_begun() {
        let mut steps = Steps::default();
        assert_eq!([0.9, -1.0].map(|more| steps.turn(more)), [0, -1]);
        let mut steps = Steps::default();
        assert_eq!([0.9, -1.0].map(|more| steps.add(more)), [0, 0], "motion");
    }
}
