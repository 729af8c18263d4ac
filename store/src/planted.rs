//! Where deliberate bugs are planted. Without the feature `simulation` there are none.

/// Whether the bug `store::simulation::Bug::$bug` is planted; in the product the constant `false`.
macro_rules! planted {
    ($bug:ident) => {{
        #[cfg(feature = "simulation")]
        let planted = crate::simulation::bugs::is_planted(crate::simulation::Bug::$bug);
        #[cfg(not(feature = "simulation"))]
        let planted = false;
        planted
    }};
}
