@main struct Memlab { static func main() {} }
