"""A zygote that does not come up."""
raise SystemExit("no zygote today")
