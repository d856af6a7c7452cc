//! The receiver and the sender against what a child would write.
