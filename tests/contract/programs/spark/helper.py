def tripled(number):
    return 3 * number
