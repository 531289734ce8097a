"""The one table of tolerances: the largest absolute error allowed, and what limits it.

Audio is within full scale unless noted, so errors are in units of full scale.
"""

TOLERANCE = {
    # Six sections in float32 at every corner of the console's ranges, relative to the output's
    # peak where that exceeds full scale.
    "parametric_eq against float64": 2e-5,
    # float32 against the same float32 coefficients filtered in float64; the poles are at 20 Hz.
    "sosfilt against scipy": 5e-5,
    # Order 4 in direct form: the powers of its companion matrix round (1.6e-5 measured).
    "lfilter against scipy": 3e-5,
    # Golden vectors were computed in float64 and stored as float32.
    "biquad_coefficients": 1e-12,
    "parametric_eq": 2e-6,
    "compressor_one_pole": 1e-6,
    "stereo_panner": 1e-7,
    "stereo_widener": 1e-7,
    "stereo_bus": 1e-7,
    "attack_release_ballistics": 3e-6,
    # Relative to the largest gradient: sums over 16384 samples.
    "attack_release_ballistics gradient": 3e-6,
    "console": 1e-6,
    # float32 from the other side, edges of triangles included.
    "bark_filterbank": 3e-6,
    "distortion": 3e-7,
    "noise_shaped_reverb": 1e-6,
    "noise_shaped_reverb filters": 1e-7,
    # LU.
    "integrated loudness": 1e-4,
}
