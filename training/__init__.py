"""How every model in models/ is made again, from data to int8 .tflite."""
