//! The zoo's models at the sizes of the data sets that there are.

use super::Models;
use crate::lab_error::LabError;
use dynvision::nn::{Full, NoRecurrence, SelfRecurrence};
use dynvision::zoo;

dynvision::simple_rcnn! {
    /// The guide's first model for the 8x8 digits.
    pub struct SimpleDigits; input = [1, 8, 8], classes = 10
}

dynvision::dyrcnn_x2! {
    /// The original's smallest model for grey images of 28x28 pixels.
    pub struct GreyDyRCNNx2; input = [1, 28, 28], classes = 10, links = [skip]
}

impl Models {
    /// Adds the zoo: a few members, for the data sets that come with the library and for CIFAR-10. They are few since each takes
    /// time to compile; a laboratory of one's own has the members that it needs.
    ///
    /// # Errors
    ///
    /// A name that another one has.
    #[inline] // compiled by the programs that call it, not by every laboratory
    pub fn add_zoo(&mut self) -> Result<(), LabError> {
        self.add::<SimpleDigits<SelfRecurrence>>("simple-8")?;
        self.add::<GreyDyRCNNx2<Full>>("dyrcnn-x2-28")?;
        self.add::<GreyDyRCNNx2<SelfRecurrence>>("dyrcnn-x2-28/self")?;
        self.add::<GreyDyRCNNx2<NoRecurrence>>("dyrcnn-x2-28/none")?;
        self.add::<zoo::DyRCNNx4<Full>>("dyrcnn-x4")
    }
}
