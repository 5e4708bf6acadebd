"""Settings that all tests share: reproducible examples, and no deadline, since the first run of a walk compiles it."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fcgen",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("fcgen")
