"""What a journey's model is worth: answers, scores, what each kind of data adds, and the model card."""
