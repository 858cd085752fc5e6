"""English speech to text by Whisper tiny.en."""
