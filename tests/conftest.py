from hypothesis import HealthCheck, settings

# Speed is measured in benchmarks/; on a busy machine a slow example is no failure.
settings.register_profile("aegisflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aegisflow")
