"""JSON Schema data per service and resource. Parts that change with the microversion are `Since` steps."""
