"""Simulated visits with known truth, and what the scene makes of them.

`python -m benchmarks.scene` prints precision, recall and delay per type of event at the default
sensitivities, and how well the confidences are calibrated. `python -m benchmarks.scene.fit` fits
the constants of `edge_agent.scene.calibration` on other seeds than those judged.
"""
