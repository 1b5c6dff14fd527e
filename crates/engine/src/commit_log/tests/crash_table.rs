//! The crash table of the commit log.
